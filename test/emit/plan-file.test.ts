import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { planOf, readPlanFile, serializePlan } from '../../src/emit/plan-file.js';
import type { QuantizeError } from '../../src/errors.js';
import { place } from '../../src/place/place.js';
import { observedValues } from '../../src/place/placement.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { Plan, PlannedActivation, StoredTensor } from '../../src/quantize/plan.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { recurrentNet } from '../support/recurrent-net.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** x → Gemm → Relu → MatMul → Add → y, wide enough that every kind of weight has something to store. */
function network() {
  const net = new Net();
  net.input('x', [2, 32]);
  net.node('Relu', [net.gemm('x', 'h', 32, 32)], 'r');
  return finish(net, net.node('Add', [net.matMul('r', 'm', 32, 8), net.random('b', [8])], 'y'));
}

async function saved(recipe: GivenRecipe = {}) {
  const made = await quantizeModel(network(), recipe);
  const path = join(temporaryFolder(), 'model.plan');
  writeFileSync(path, serializePlan(made.float, made.plan));
  const owner = { model: made.float, recipe: made.plan.recipe, placement: made.placement };
  return { ...made, path, owner };
}

const kinds: GivenRecipe[] = [
  {},
  { bits: 4, scheme: 'kmeans', allLayers: true },
  { bits: 3, scheme: 'kmeans', group: 'tensor', allLayers: true, activations: { bits: 4, levels: 'log' } },
  { granularity: 'tensor', allLayers: true, activations: { bits: 4 } },
  { bits: 2, allLayers: true, activations: { kind: 'float' } },
  { activations: { kind: 'dynamic' } },
  {
    bits: 4,
    format: 'matmulnbits',
    blocks: { size: 16, asymmetric: true, accuracyLevel: 0 },
    allLayers: true,
    activations: { kind: 'float' },
  },
  { format: 'matmulnbits', allLayers: true, activations: { kind: 'float' } },
  { bits: 4, format: 'matmulbnb4', blocks: { size: 16 }, allLayers: true, activations: { kind: 'float' } },
];

describe('a plan that was saved', () => {
  it.each(kinds)('gives the same bytes when it is read: %j', async (recipe) => {
    const { path, owner, bytes, plan } = await saved(recipe);
    const read = planOf(await readPlanFile(path), owner);
    expect(read).toEqual(plan);
    expect(encodeModel(emitModel(owner.model, read).model)).toEqual(bytes);
    // And is the same file again.
    expect(Buffer.from(serializePlan(owner.model, read)).equals(readFileSync(path))).toBe(true);
  });

  it('holds the narrower codes that layers alone read', async () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    const trunk = net.node('Relu', [net.conv('x', 'a')], 'r');
    const model = finish(net, net.conv(net.node('Add', [trunk, net.conv(trunk, 'b')], 'sum'), 'y'));
    const made = await quantizeModel(model, { allLayers: true, activations: { bits: 4 } });
    expect(made.plan.activations.size).toBeGreaterThan(observedValues(made.placement).length);
    const path = join(temporaryFolder(), 'model.plan');
    const record = {
      ...{
        name: 'moments',
        settings: {},
        judge: 'float' as const,
        samples: 3,
        heldBack: 0,
        before: null,
        after: null,
        kept: true,
      },
      blocks: [{ id: 'a', before: 2, after: 1 }],
    };
    const plan = { ...made.plan, refinements: [record] };
    writeFileSync(path, serializePlan(model, plan));
    const owner = { model, recipe: plan.recipe, placement: made.placement };
    const read = planOf(await readPlanFile(path), owner);
    expect(read).toEqual(plan);
    expect(encodeModel(emitModel(model, read).model)).toEqual(made.bytes);
  });

  it('holds the halves of a recurrent bias, each of its own length', async () => {
    const model = recurrentNet({ opType: 'LSTM' });
    const made = await quantizeModel(model, { bits: 4, allLayers: true, activations: { kind: 'float' } });
    const saving = (length: number) => {
      const path = join(temporaryFolder(), 'model.plan');
      const biases = new Map([['h#2', new Float32Array(length).fill(0.5)]]);
      writeFileSync(path, serializePlan(model, { ...made.plan, biases }));
      return path;
    };
    const owner = { model, recipe: made.plan.recipe, placement: made.placement };
    const read = planOf(await readPlanFile(saving(32)), owner);
    expect(read.biases).toEqual(new Map([['h#2', new Float32Array(32).fill(0.5)]]));
    const refused = await refusal(async () => planOf(await readPlanFile(saving(64)), owner));
    expect(refused.message).toContain('"h#2" has 64 values where the layer has 32 output channels');
  });

  it('is refused for another model', async () => {
    const { path } = await saved();
    const net = new Net();
    net.input('x', [2, 32]);
    const model = finish(net, net.gemm('x', 'y', 32, 8));
    const { recipe } = (await saved()).owner;
    const owner = { model, recipe, placement: place(model, recipe, 'm.onnx') };
    expect(await refusal(async () => planOf(await readPlanFile(path), owner))).toMatchObject({
      code: 'plan-model',
    });
  });
});

/** The bytes of a saved plan with one text in it replaced by another of its length. */
function altered(path: string, from: string, to: string): string {
  const text = readFileSync(path).toString('latin1');
  if (!text.includes(from) || from.length !== to.length) throw new Error(`${from} is not there`);
  writeFileSync(path, Buffer.from(text.replace(from, to), 'latin1'));
  return path;
}

async function refusal(work: () => Promise<unknown>): Promise<QuantizeError> {
  try {
    await work();
  } catch (thrown) {
    return thrown as QuantizeError;
  }
  throw new Error('nothing was thrown');
}

describe('a plan from a stranger', () => {
  it.each([
    ['a file of other tensors', '"plan":', '"plax":', 'it has no tensor "plan"'],
    ['another version', '"version":2', '"version":9', 'its version is 9'],
    ['a site of no layer', '["h#1"]', '["q#1"]', 'weight'],
    ['a shape of another size', '"dims":[32,32]', '"dims":[32,31]', 'shape'],
    ['an axis of no channels', '"axis":1', '"axis":0', 'axis'],
    ["a width that is not the recipe's", '"dims":[32,32],"bits":8', '"dims":[32,32],"bits":7', 'bits'],
    ['codes out of uint8', '"high":255', '"high":256', 'outside of uint8'],
    ['a key that is unknown', '"owner"', '"ownes"', 'activations'],
    ['a bias of no layer', '"biases":["h"', '"biases":["g"', 'no layer'],
  ])('%s', async (_, from, to, problem) => {
    const { path, owner } = await saved();
    altered(path, from, to);
    const error = await refusal(async () => planOf(await readPlanFile(path), owner));
    expect(error).toMatchObject({ code: 'plan-format' });
    expect(error.message).toContain(problem);
  });

  it('of any bytes is refused, never read past its end', async () => {
    const { path, owner } = await saved();
    const whole = readFileSync(path);
    for (const length of [0, 7, 8, 100, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      const error = await refusal(async () => planOf(await readPlanFile(path), owner));
      expect(error.code).toBe('plan-format');
    }
    writeFileSync(path, whole);
    expect(planOf(await readPlanFile(path), owner).weights.size).toBe(2);
  });

  it('with a number too many, or one too few, is refused by its name', async () => {
    const { path, owner, plan } = await saved();
    const [value, activation] = [...plan.activations][0] as [string, PlannedActivation];
    const [site, weight] = [...plan.weights][0] as [string, StoredTensor];
    const less = <T>(map: ReadonlyMap<string, T>, key: string) =>
      new Map([...map].filter(([known]) => known !== key));
    const broken: [Plan, string][] = [
      [{ ...plan, activations: new Map(plan.activations).set('q', activation) }, 'activation "q" is none'],
      [{ ...plan, weights: new Map(plan.weights).set('q#1', weight) }, 'weight "q#1" is none'],
      [{ ...plan, activations: less(plan.activations, value) }, `activation "${value}" is missing`],
      [{ ...plan, weights: less(plan.weights, site) }, `weight "${site}" is missing`],
    ];
    for (const [each, problem] of broken) {
      writeFileSync(path, serializePlan(owner.model, each));
      const error = await refusal(async () => planOf(await readPlanFile(path), owner));
      expect(error.message).toContain(problem);
    }
  });

  it('with weights that are not finite steps is refused', async () => {
    const { path, owner, plan } = await saved();
    const weight = plan.weights.get('h#1');
    if (!weight) throw new Error('h has a weight');
    const broken = { ...weight, scales: weight.scales.map(() => Number.NaN) };
    const weights = new Map(plan.weights).set('h#1', broken);
    writeFileSync(path, serializePlan(owner.model, { ...plan, weights }));
    const error = await refusal(async () => planOf(await readPlanFile(path), owner));
    expect(error.message).toContain('a scale that is no step');
  });
});
