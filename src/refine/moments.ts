import { opsetOf } from '../graph/model.js';
import type { Plan, RefinedBlock, StoredTensor } from '../quantize/plan.js';
import { orAlone } from '../runtime/asked-thread.js';
import { ChannelMoments, momentNodes } from './channel-moments.js';
import { areFinite, correctMoments, mismatch, NOT_FINITE } from './correct-moments.js';
import { refinableLayers } from './layers.js';
import { type ChunkLimit, samplesOfWalk, samplesSetting, withWalk } from './open-walk.js';
import type { RefineContext, Refinement, Refiner } from './refiner.js';
import { setConstant, type TwinGraph, type TwinLayer, twinGraphOf } from './twin-graph.js';

/** Of so many, what a channel's mean is off by through chance is a few percent of what is mended. */
const LEAST_SAMPLES = 32;

/** Small models have their samples in few runs; of large ones each is a run, beside which little is held. */
const LIMIT: ChunkLimit = { bytes: 8 * 2 ** 20, unfolds: false };

/**
 * Float layers that are run at once: first few, which tell how long the others take, then many. What the largest values are of
 * lies within a step then, and is not kept between two.
 */
const FIRST_LAYERS = 2;
const FLOAT_LAYERS = 24;

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
  refine: (plan, context) =>
    orAlone((isAlone) => refineIn(plan, isAlone ? { ...context, sharing: { threads: 1 } } : context)),
};

async function refineIn(plan: Plan, context: RefineContext): Promise<Refinement> {
  const layers = refinableLayers(context.model.graph, plan);
  const twin = twinGraphOf(context.model, plan, layers);
  const weights = new Map<string, StoredTensor>();
  const biases = new Map<string, Float32Array>();
  const blocks: RefinedBlock[] = [];
  // Each layer is measured twice, the float side before.
  const tell = (measured: number) => context.progress(Math.floor(measured / 2), twin.layers.length, 'layers');
  const floats = await measure(
    context,
    twin,
    { side: 'float', groups: floatGroups(twin.layers) },
    (_, done) => {
      tell(done);
    },
  );
  const correct = (found: ChannelMoments, done: number) => {
    const each = twin.layers[done - 1] as TwinLayer;
    const { layer } = each;
    const wanted = floats[done - 1] as ChannelMoments;
    tell(twin.layers.length + done);
    if (!areFinite(wanted) || !areFinite(found)) {
      blocks.push({ id: layer.id, left: NOT_FINITE });
      return;
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
  };
  const each = twin.layers.map((layer) => [layer]);
  await measure(context, twin, { side: 'computed', groups: each }, correct);
  return { change: { weights, biases }, blocks };
}

function floatGroups(layers: readonly TwinLayer[]): TwinLayer[][] {
  const groups = [layers.slice(0, FIRST_LAYERS)];
  for (let from = FIRST_LAYERS; from < layers.length; from += FLOAT_LAYERS)
    groups.push(layers.slice(from, from + FLOAT_LAYERS));
  return groups;
}

/**
 * The moments of every layer's result on one side of a twin graph.
 *
 * @param groups - all layers in their order, those of each step of the walk
 * @param told - called for each layer, in their order, with how many there are so far; what it changes of the graph holds for
 *   the steps behind
 */
async function measure(
  { sharing = {}, ...context }: RefineContext,
  twin: TwinGraph,
  { side, groups }: { side: 'float' | 'computed'; groups: readonly (readonly TwinLayer[])[] },
  told: (found: ChannelMoments, done: number) => void,
): Promise<ChannelMoments[]> {
  const opset = opsetOf(context.model);
  const all: ChannelMoments[] = [];
  const layers = twin.layers.map(({ layer }) => layer);
  const needs = groups.map((group) => group.map((each) => each[side]));
  await withWalk(context, { graph: twin, layers, needs, limit: LIMIT, sharing }, async (walk) => {
    for (const [g, group] of groups.entries()) {
      await context.pause();
      const parts = group.map((each) => ({
        found: new ChannelMoments(each.layer.linear.outputChannels),
        measured: momentNodes(each.layer.linear, each[side], `${each.layer.id}/${side}`, opset),
      }));
      const own = {
        nodes: parts.flatMap(({ measured }) => measured.nodes),
        constants: new Map(parts.flatMap(({ measured }) => [...measured.constants])),
      };
      const results = parts.flatMap(({ measured }) => measured.results);
      await walk.next({ needs: needs[g] as string[], own, results }, (made) => {
        for (const { found, measured } of parts) found.addResults(made, measured);
      });
      for (const { found } of parts) told(found, all.push(found));
    }
  });
  return all;
}
