import { opsetOf } from '../graph/model.js';
import type { Plan, RefinedBlock, StoredTensor } from '../quantize/plan.js';
import { ThreadFailure } from '../runtime/asked-thread.js';
import { ChannelMoments, momentNodes } from './channel-moments.js';
import { areFinite, correctMoments, mismatch, NOT_FINITE } from './correct-moments.js';
import { refinableLayers } from './layers.js';
import { type ChunkLimit, samplesOfWalk, samplesSetting, withWalk } from './open-walk.js';
import type { RefineContext, Refinement, Refiner } from './refiner.js';
import { setConstant, twinGraphOf } from './twin-graph.js';

/** Of so many, what a channel's mean is off by through chance is a few percent of what is mended. */
const LEAST_SAMPLES = 32;

/** Small models have their samples in few runs; of large ones each is a run, beside which little is held. */
const LIMIT: ChunkLimit = { bytes: 8 * 2 ** 20, unfolds: false };

/**
 * Gives every output channel the mean and the deviation that it has in float, by its weight's scale and its bias; codes
 * stay. Rounding to few bits changes both, and the change multiplies layer after layer, so the layers are taken in the
 * order of the data, each on the network as quantized so far. Both moments are needed: the mean alone harms.
 */
export const moments: Refiner = {
  name: 'moments',
  summary: 'mean and deviation of each channel as in float',
  changes: ['weights', 'biases'],
  settings: [samplesSetting],
  mostSamples: samplesOfWalk(LEAST_SAMPLES),
  async refine(plan, context) {
    return refineIn(plan, context).catch((thrown) => {
      if (!(thrown instanceof ThreadFailure)) throw thrown;
      // What failed there fails here, too, and says why; and where threads are what failed, nothing is lost but time.
      return refineIn(plan, { ...context, sharing: { threads: 1 } });
    });
  },
};

async function refineIn(plan: Plan, context: RefineContext): Promise<Refinement> {
  const { model, sharing = {} } = context;
  const opset = opsetOf(model);
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const weights = new Map<string, StoredTensor>();
  const biases = new Map<string, Float32Array>();
  const blocks: RefinedBlock[] = [];
  const needs = twin.layers.map((each) => [each.float, each.computed]);
  await withWalk(context, { graph: twin, layers, needs, limit: LIMIT, sharing }, async (walk) => {
    for (const [done, each] of twin.layers.entries()) {
      const { layer } = each;
      await context.pause();
      const float = momentNodes(layer.linear, each.float, `${layer.id}/float`, opset);
      const quantized = momentNodes(layer.linear, each.computed, `${layer.id}/quantized`, opset);
      const wanted = new ChannelMoments(layer.linear.outputChannels);
      const found = new ChannelMoments(layer.linear.outputChannels);
      const own = {
        nodes: [...float.nodes, ...quantized.nodes],
        constants: new Map([...float.constants, ...quantized.constants]),
      };
      const results = [...float.results, ...quantized.results];
      await walk.next({ needs: [each.float, each.computed], own, results }, (made) => {
        wanted.addResults(made, float);
        found.addResults(made, quantized);
      });
      context.progress(done + 1, twin.layers.length, 'layers');
      if (!areFinite(wanted) || !areFinite(found)) {
        blocks.push({ id: layer.id, left: NOT_FINITE });
        continue;
      }
      const corrected = correctMoments(layer, plan, wanted, found);
      setConstant(twin, each.factor, corrected.factors);
      setConstant(twin, each.shift, corrected.shifts);
      weights.set(layer.site, corrected.weight);
      if (corrected.bias) biases.set(layer.id, corrected.bias);
      blocks.push({
        id: layer.id,
        before: mismatch(wanted, found),
        after: mismatch(wanted, corrected.moments),
      });
    }
  });
  return { change: { weights, biases }, blocks };
}
