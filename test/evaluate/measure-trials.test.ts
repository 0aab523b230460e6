import { describe, expect, it } from 'vitest';
import { trialsOf } from '../../src/evaluate/measure-trials.js';
import { buildProbe, type Part, quantizing } from '../../src/evaluate/probe.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { between } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

const chain = () => between((net, v) => net.node('Relu', [net.conv(net.node('Relu', [v], 'r'), 'a')], 's'));

const PARTS: readonly Part[] = ['both', 'weight', 'input'];

describe('the trials of a layer', () => {
  it.each<[string, GivenRecipe]>([
    ['static', {}],
    ['weights only', { activations: { kind: 'float' } }],
  ])('are there where something is quantized in that part: %s', async (_, recipe) => {
    const { float, plan } = await quantizeModel(chain(), recipe);
    const { layers } = buildProbe(float, plan);
    expect(layers).toHaveLength(3);
    for (const layer of layers)
      for (const part of PARTS)
        expect(trialsOf(layer, plan, { part }).length > 0, `${layer.id} ${part}`).toBe(
          quantizing(layer, plan, part) !== undefined,
        );
  });

  it('feed the weight as it is stored, made anew for each run', async () => {
    const { float, plan } = await quantizeModel(chain(), { bits: 4, allLayers: true });
    const [layer] = buildProbe(float, plan).layers;
    if (!layer) throw new Error('no layer');
    const [trial] = trialsOf(layer, plan, { part: 'weight' });
    const [{ site, feed: name } = { site: undefined, feed: '' }] = layer.weights;
    const stored = dequantizeTensor(plan.weights.get(site?.id ?? '') as never);
    expect(trial?.feed[name]?.data).toEqual(stored);
    expect(trial?.feed[name]?.data).not.toBe(trial?.feed[name]?.data);
    expect(trial?.atResult).toBe(false);
  });
});
