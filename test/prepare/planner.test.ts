import { describe, expect, it } from 'vitest';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import { place } from '../../src/place/place.js';
import { observedValues } from '../../src/place/placement.js';
import { makePlanner } from '../../src/prepare/planner.js';
import { completeRecipe } from '../../src/recipe.js';
import { between } from '../support/nets.js';
import { randomFeeds, sourceOf, withMinmax } from '../support/quantize-model.js';

async function planner({ keeps = true } = {}) {
  const model = between((net, v) => net.conv(net.node('Relu', [v], 'r'), 'c'));
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
    const narrow = await made.plan(withMinmax({ bits: 4, allLayers: true }));
    expect([...narrow.weights.values()].map(({ bits }) => bits)).toEqual([4, 4, 4]);
    expect(await made.plan(withMinmax({}))).toEqual(one);
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

  it('refuses a recipe that quantizes nothing', async () => {
    const made = await planner();
    await expect(made.plan(completeRecipe({ exclude: ['*'] }))).rejects.toMatchObject({
      code: 'nothing-to-quantize',
    });
  });
});
