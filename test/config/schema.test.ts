import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import { expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { defaultRecipe } from '../../src/recipe.js';
import { example } from '../support/command.js';
import { configJsonSchema } from '../support/config-json-schema.js';

it('the published JSON Schema is that of the validation', async () => {
  const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  // Mended by `npx vitest run -u test/config`.
  await expect(text).toMatchFileSnapshot('../../schema/quantize.config.schema.json');
});

const validate = new Ajv.default({ strict: false }).compile(configJsonSchema());

const full = {
  model: 'a.onnx',
  data: ['x'],
  evalData: { image: 'y' },
  labels: 'folders',
  preprocess: { preset: 'unit', mean: ['1/2', 0.5, 1] },
  images: { size: '32x48' },
  bin: { dtype: 'uint8', shape: [3] },
  inputRange: [-1, 1],
  recipe: defaultRecipe,
  gates: ['sqnr>1', { gate: 'x', level: 'warn' }],
  models: [{ model: 'b.onnx', seed: 0 }],
};

/** Every part of a value replaced by each of these, one at a time. */
function* mutants(value: unknown): Generator<unknown> {
  yield* [null, 0, -1, 1.5, 1e300, '', 'none', '1/255', true, [], {}, [0], ['a'], { a: 1 }, { unknown: 'a' }];
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) for (const part of mutants(value[i])) yield value.with(i, part);
    yield [...value, ...value];
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      for (const part of mutants(inner)) yield { ...value, [key]: part };
      const { [key]: _, ...rest } = value as Record<string, unknown>;
      yield rest;
    }
    yield { ...value, extra: 1 };
  }
}

it('an independent validator of the schema and the validation agree on 1,000 configurations', () => {
  let accepted = 0;
  let refused = 0;
  for (const config of [full, ...mutants(full)]) {
    const isValid = configSchema.safeParse(config).success;
    expect(validate(config), JSON.stringify(config)).toBe(isValid);
    if (isValid) accepted++;
    else refused++;
  }
  expect(accepted).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(500);
});

it('the example is valid, and names the schema', () => {
  const config = JSON.parse(readFileSync(example('quantize.config.json'), 'utf8'));
  expect(validate(config)).toBe(true);
  expect(config.$schema).toBe('../schema/quantize.config.schema.json');
});

it('has each key of a recipe', () => {
  const { properties } = configJsonSchema() as { properties: { recipe: { properties: object } } };
  expect(Object.keys(properties.recipe.properties).sort()).toEqual(Object.keys(defaultRecipe).sort());
});
