import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { attribute } from '../../src/graph/model.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { changed } from '../../src/quantize/changed.js';
import type { GivenRecipe } from '../../src/recipe.js';
import type { OperatorCase } from '../support/cases/operator-case.js';
import { operatorCases } from '../support/cases/operator-cases.js';
import { between } from '../support/nets.js';
import { type QuantizedModel, quantizeModel } from '../support/quantize-model.js';
import { referenceModel } from '../support/reference-model.js';
import { runIn } from '../support/sessions.js';

/** Largest difference between two arrays of floats. */
function largestDifference(a: NdArray | undefined, b: NdArray | undefined): number {
  expect(a?.dims).toEqual(b?.dims);
  const [x, y] = [a?.data as Float32Array, b?.data as Float32Array];
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0);
}

type Outputs = ReadonlyMap<string, NdArray>;

/** Equal, or within float32 rounding where sums come in another order. */
function expectAlike(found: Outputs, expected: Outputs, reordered: true | undefined): void {
  if (!reordered) expect(found).toEqual(expected);
  for (const [name, array] of expected) {
    const magnitude = Math.max(...Array.from(array.data as Float32Array, Math.abs));
    expect(largestDifference(found.get(name), array), name).toBeLessThanOrEqual(2 ** -20 * magnitude);
  }
}

/** Run on every feed: as written and in the exact session equal to the reference, in the default one within steps. */
async function expectExact(
  { float, plan, bytes, feeds }: QuantizedModel,
  { steps = 2, reordered }: Pick<OperatorCase, 'steps' | 'reordered'> = {},
): Promise<void> {
  const reference = referenceModel(float, plan);
  for (const feed of feeds) {
    const expected = await runIn('disabled', reference, feed);
    const original = await runIn('disabled', float, feed);
    expectAlike(await runIn('disabled', bytes, feed), expected, reordered);
    expectAlike(await runIn('exact', bytes, feed), await runIn('basic', reference, feed), reordered);
    const deployed = await runIn('default', bytes, feed);
    for (const [name, array] of expected) {
      // The reference is a quantized network, not the float one by mistake.
      expect(largestDifference(array, original.get(name))).toBeGreaterThan(0);
      const step = plan.activations.get(plan.placement.values.get(name)?.root ?? '')?.quantizer.grid.scale;
      const magnitude = Math.max(...Array.from(array.data as Float32Array, Math.abs));
      // A layer that writes float sums up products of steps; float32 rounding is all that may differ.
      const allowed = step === undefined ? 2 ** -18 * magnitude : steps * 1.001 * step;
      expect(largestDifference(deployed.get(name), array), name).toBeLessThanOrEqual(allowed);
    }
  }
}

describe('what a quantized model computes', () => {
  it.each(operatorCases)('$name', async ({ model, recipe, ...tolerance }) => {
    await expectExact(await quantizeModel(model(), recipe), tolerance);
  });

  const widths = [2, 3, 4, 5, 6, 7, 8];
  const forms = widths.flatMap((bits) =>
    (['channel', 'tensor'] as const).flatMap((granularity) =>
      [13, 17, 21].map((opset) => ({ bits, granularity, opset })),
    ),
  );
  it.each(forms)(
    'weights of $bits bits a $granularity, opset $opset',
    async ({ bits, granularity, opset }) => {
      const recipe: GivenRecipe = { bits, granularity, allLayers: true };
      const model = between((net, v) => net.conv(v, 'c', 4, 5, { bias: false }), {
        channels: 5,
        opset,
        irVersion: opset >= 21 ? 10 : 7,
      });
      const quantized = await quantizeModel(model, recipe);
      await expectExact(quantized);
    },
  );
});

it('a HardSigmoid ends at 1 where its codes reach beyond', async () => {
  const model = between((net, v) => {
    net.output('h');
    return net.node('HardSigmoid', [v], 'h', { alpha: attribute.float(2) });
  });
  const { plan, float, feeds } = await quantizeModel(model);
  // Codes up to 2.55.
  const grid = { scale: Math.fround(0.01), zeroPoint: 0, low: 0, high: 255 };
  const wide = changed(plan, 'test', { activations: new Map([['h', { kind: 'affine', grid }]]) });
  const written = encodeModel(emitModel(float, wide).model);
  for (const feed of feeds) {
    const found = (await runIn('disabled', written, feed)).get('h')?.data as Float32Array;
    expect(Math.max(...found)).toBe(Math.fround(100 * grid.scale));
  }
});
