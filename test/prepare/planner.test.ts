import { describe, expect, it } from 'vitest';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import { place } from '../../src/place/place.js';
import { observedValues } from '../../src/place/placement.js';
import { makePlanner } from '../../src/prepare/planner.js';
import { completeRecipe, type GivenRecipe } from '../../src/recipe.js';
import { randomFloats } from '../support/graph-builder.js';
import { between, finish, Net } from '../support/nets.js';
import { randomFeeds, sourceOf, withMinmax } from '../support/quantize-model.js';

const convolutions = () => between((net, v) => net.conv(net.node('Relu', [v], 'r'), 'c'));

/** x → MatMul → y. */
function product() {
  const net = new Net();
  net.input('x', [1, 64]);
  net.node('MatMul', ['x', net.constant('w', [64, 8], randomFloats(512, 1))], 'y');
  return finish(net, 'y');
}

async function planner({ keeps = true, model = convolutions() } = {}) {
  const placement = place(model, withMinmax({}), 'model.onnx');
  const statistics = await calibrate(model, observedValues(placement), sourceOf(randomFeeds(model)));
  return makePlanner({
    ...{ model, path: 'model.onnx', ranges: { ...noRanges, statistics }, keeps },
    madeFrom: { float: 'hash', samples: 3, seed: undefined },
    refining: {
      ...{ source: undefined, seed: 0, maxMemoryBytes: undefined },
      pause: async () => {},
      progress: () => {},
    },
  });
}

describe('the planner', () => {
  it('makes the plan of a recipe once, and another for another', async () => {
    const made = await planner();
    const [one, same] = await Promise.all([made.plan(withMinmax({})), made.plan(withMinmax({}))]);
    expect(same).toBe(one);
    const narrow = await made.plan(withMinmax({ bits: 4, allLayers: true, format: 'qdq-int8' }));
    expect([...narrow.weights.values()].map(({ bits }) => bits)).toEqual([4, 4, 4]);
    expect(await made.plan(withMinmax({}))).toEqual(one);
  });

  it('keeps 8 bits, by the scheme of that width, where fewer would save no byte', async () => {
    // 4,096 weights pay for what unpacks them, 144 do not.
    const net = new Net();
    net.input('x', [1, 4, 6, 6]);
    net.conv('x', 'small', 4, 4);
    net.conv('small', 'wide', 4, 256, { kernel: [2, 2] });
    net.conv('wide', 'y', 256, 4);
    const made = await planner({ model: finish(net, 'y') });
    const plan = await made.plan(withMinmax({ bits: 4, allLayers: true, scheme: 'auto' }));
    const widths = plan.placement.weighted.map(({ node, recipe, askedBits }) => [
      ...[node.id, recipe.bits, recipe.scheme, askedBits, plan.weights.get(`${node.id}#1`)?.bits],
    ]);
    expect(widths).toEqual([
      ['small', 8, 'minmax', 4, 8],
      ['wide', 8, 'minmax', 4, 8],
      ['y', 4, 'kmeans', undefined, 4],
    ]);
  });

  it('keeps none where a model is large', async () => {
    const made = await planner({ keeps: false });
    const one = await made.plan(withMinmax({}));
    const again = await made.plan(withMinmax({}));
    expect(again).not.toBe(one);
    expect(again).toEqual(one);
  });

  it('has the same numbers for a node alone, and no others', async () => {
    const made = await planner();
    const whole = await made.plan(withMinmax({}));
    const alone = await made.plan(withMinmax({}), 'c');
    expect([...alone.weights]).toEqual([...whole.weights].filter(([id]) => id === 'c#1'));
    expect([...alone.biases]).toEqual([...whole.biases].filter(([id]) => id === 'c'));
    expect(alone.activations).toEqual(whole.activations);
  });

  it('has the weights that it would have without what it remembers, whatever was tried before', async () => {
    const base: GivenRecipe = { allLayers: true, scheme: 'kmeans', bits: 6 };
    const others: GivenRecipe[] = [
      { bits: 4 },
      { scheme: 'minmax' },
      { group: 2 },
      { granularity: 'tensor' },
      { reduceRange: true },
      { assumeVnni: true },
      { activations: { bits: 3 } },
      { activations: { kind: 'float' } },
      { activations: { kind: 'dynamic' } },
    ];
    const [remembers, forgets] = [await planner(), await planner({ keeps: false })];
    const uniform: GivenRecipe = { allLayers: true, scheme: 'minmax', assumeVnni: true };
    const tried = [uniform, { ...uniform, reduceRange: true }, uniform].concat(
      others.flatMap((other) => [base, { ...base, ...other }, base]),
    );
    for (const recipe of tried.map((given) => withMinmax(given))) {
      const { weights } = await remembers.plan(recipe);
      expect(weights).toEqual((await forgets.plan(recipe)).weights);
    }
  });

  it('tells weights in blocks from others, and blocks of one size from those of another', async () => {
    const [remembers, forgets] = [
      await planner({ model: product() }),
      await planner({ model: product(), keeps: false }),
    ];
    const alone: GivenRecipe = { bits: 4, scheme: 'minmax', activations: { kind: 'float' } };
    const blocks = (size: 16 | 32): GivenRecipe => ({ ...alone, format: 'matmulnbits', blocks: { size } });
    for (const given of [alone, blocks(16), blocks(32), alone]) {
      const recipe = completeRecipe({ allLayers: true, ...given });
      expect((await remembers.plan(recipe)).weights).toEqual((await forgets.plan(recipe)).weights);
    }
  });

  it('refuses a recipe that quantizes nothing', async () => {
    const made = await planner();
    await expect(made.plan(completeRecipe({ exclude: ['*'] }))).rejects.toMatchObject({
      code: 'nothing-to-quantize',
    });
  });
});
