import { expect, it } from 'vitest';
import type { AffineTensor } from '../../src/quantize/quantized-tensor.js';
import { correctMoments } from '../../src/refine/correct-moments.js';
import { refinableLayers } from '../../src/refine/layers.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

/** x [1, 4] → Gemm "y" of four channels. */
async function layer() {
  const net = new Net();
  net.input('x', [1, 4]);
  const { plan, float } = await quantizeModel(finish(net, net.gemm('x', 'y', 4, 4)));
  const [only] = refinableLayers(float.graph, plan);
  if (!only) throw new Error('there is a layer');
  return { plan, only };
}

it('factors are σ/σ′ within ¼ and 1.25, biases μ − ρ·(μ′ − b), and a dead channel keeps its scale', async () => {
  const { plan, only } = await layer();
  // σ/σ′: 1.1, 4 and 0.1, which the bounds cut, and a channel that is constant.
  const float = { means: Float64Array.of(1, 2, 3, 4), variances: Float64Array.of(1.21, 16, 0.01, 0) };
  const found = { means: Float64Array.of(0.5, 1, 2, 3), variances: Float64Array.of(1, 1, 1, 0) };
  const { weight, bias, factors } = correctMoments(only, plan, float, found);
  const wanted = [1.1, 1.25, 0.25, 1];
  wanted.forEach((factor, c) => {
    const scale = (weight as AffineTensor).scales[c] as number;
    expect(scale / (only.weight.scales[c] as number)).toBeCloseTo(factor, 5);
    expect(factors[c]).toBeCloseTo(factor, 5);
    const old = only.bias?.[c] as number;
    const [mean, was] = [float.means[c] as number, found.means[c] as number];
    expect(bias?.[c]).toBeCloseTo(mean - factor * (was - old), 4);
  });
});
