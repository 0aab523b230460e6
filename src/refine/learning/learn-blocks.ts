import type { Shard } from '../../../calibration/source.js';
import { fedInputs, type Model } from '../../graph/model.js';
import { type Tensor, tensorOf } from '../../graph/tensor.js';
import { elementCount, type NdArray } from '../../numerics/nd-array.js';
import { biasIn, dequantizeBias, scaleFloorIn } from '../../quantize/bias.js';
import { pairingIn, withinPairs } from '../../quantize/pairs.js';
import type { Plan, PlanNumbers } from '../../quantize/plan.js';
import { dequantizeTensor, type QuantizedTensor } from '../../quantize/quantized-tensor.js';
import { computeValues } from '../../train/compute.js';
import { shapesIn } from '../../train/shapes.js';
import { halfCosine, train } from '../../train/train.js';
import { measureLayers, withWalk } from '../open-walk.js';
import { readQuantizer, readTensor, storedValues } from '../quantizers/read-back.js';
import { layersAndProducts } from '../recurrent-layers.js';
import type { RefineContext } from '../refiner.js';
import { setQuantizer, type TwinGraph, twinGraphOf } from '../twin-graph.js';
import type { Walk } from '../walk.js';
import { type BankStep, type Banks, bankStep, feedOf, gatherBanks } from './banks.js';
import { type BlockGraph, blockGraphsOf } from './block-graph.js';
import { blockError, blockModel } from './block-model.js';
import { type BlockObjective, blockObjective, type LearnedLayer } from './block-objective.js';
import type { Cut } from './blocks.js';
import { type ClassGoal, scoresOf } from './class-goal.js';
import { costsOf, dealt } from './deal.js';
import {
  type BlockNumbers,
  type LearnedBlock,
  type LearnedBlocks,
  noNumbers,
  refinementOf,
} from './learned-blocks.js';
import { sampleAxisOf } from './sample-axes.js';
import { areApart, type LearningSettings } from './settings.js';

/** What was learned of a block, and the constants of the twin graph as they then are. */
interface Learned extends BlockNumbers {
  readonly constants: Map<string, Tensor>;
}

/** How a network is learned. */
export interface LearningWay {
  readonly cut: Cut;
  readonly settings: LearningSettings;
  /** Factor of learning rates, from the error of a block's outputs before. */
  readonly reach?: ((error: number) => number) | undefined;
  readonly goal?: ClassGoal | undefined;
}

/**
 * Learn a plan block by block, in the order of the data: each reads what the quantized network before it gives, as it is by
 * then or was at the start, or what float gives there, and is to give what the float network gives. A block that is no better
 * on its own samples afterwards stays as it was, and so does one with an operator that has no derivative.
 *
 * @param shard - the part of the blocks that is learned, where they do not depend on each other; all of them without it
 */
export async function learnBlocks(
  plan: Plan,
  context: RefineContext,
  way: LearningWay,
  shard?: Shard,
): Promise<LearnedBlocks> {
  const { cut, settings } = way;
  const { model } = context;
  const isApart = areApart(settings);
  const layers = layersAndProducts(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const cuts = cut(model.graph, layers).map((block) =>
    settings.hints > 0 ? block : { ...block, hints: [] },
  );
  const graphs = blockGraphsOf(twin, cuts, isApart);
  const steps = graphs.map((graph) => bankStep(graph, settings.inputs));
  const compared = steps.flatMap(({ floats }) => [...floats.values()]);
  const axisOf = await sampleAxisOf(model, context.source, compared);
  const dealtTo = shard && dealt(costsOf(graphs, await measureLayers(context, layers)), shard);
  const own = [...graphs.entries()].filter(([at]) => dealtTo?.has(at) !== false);
  const needs = own.map(([at]) => (steps[at] as BankStep).needs);
  const blocks: LearnedBlock[] = [];
  await withWalk(context, { graph: twin, layers, needs }, async (walk) => {
    for (const [done, [at, graph]] of own.entries()) {
      await context.pause();
      const banks = await gatherBanks(walk, steps[at] as BankStep, axisOf);
      const [before, total] = [done * settings.steps, own.length * settings.steps];
      const work = { plan, context, twin, graph, way, seed: context.seed + at, done: before, total };
      const found =
        typeof banks === 'string'
          ? { left: banks }
          : await learnBlock(
              { ...work, batch: await batchOf(model, walk, graph, banks, settings.batch) },
              banks,
            );
      const { id } = graph.block;
      if ('left' in found) {
        blocks.push({ at, record: { id, left: found.left }, ...noNumbers() });
      } else {
        const { before, after, losses, learned } = found;
        const { weights, biases, activations, constants } = learned;
        blocks.push({ at, record: { id, before, after, losses }, weights, biases, activations });
        if (!isApart) for (const [name, tensor] of constants) twin.constants.set(name, tensor);
      }
      context.progress(before + settings.steps, total, 'steps');
      context.partly?.(refinementOf(blocks));
    }
  });
  return { blocks, of: graphs.length };
}

interface BlockWork {
  readonly plan: Plan;
  readonly context: RefineContext;
  readonly twin: TwinGraph;
  readonly graph: BlockGraph;
  readonly way: LearningWay;
  readonly seed: number;
  /** Steps of the blocks before it, and of all blocks. */
  readonly done: number;
  readonly total: number;
}

type Outcome =
  | { readonly left: string }
  | {
      readonly before: number;
      readonly after: number;
      readonly losses: readonly number[];
      readonly learned: Learned;
    };

async function learnBlock(work: BlockWork & { readonly batch: number }, banks: Banks): Promise<Outcome> {
  const { plan, context, twin, graph, way, seed, batch } = work;
  const { model } = context;
  const goal = way.goal && { ...way.goal, scores: scoresOf(twin, way.goal).quantized };
  const off = await blockError({ model, graph, banks, batch });
  const settings = { ...way.settings, rate: way.settings.rate * (way.reach?.(off) ?? 1) };
  const made = await blockObjective({ model, graph, banks, settings, seed, batch, goal });
  if (made.objective.parameters.length === 0) return { left: 'nothing in it is learned' };
  let mean: number | undefined;
  const trained = await train(made.objective, {
    ...{ steps: settings.steps, batch, seed, schedule: warmUp, pause: context.pause },
    onStep: (step, loss) => {
      mean = mean === undefined ? loss : SMOOTHING * mean + (1 - SMOOTHING) * loss;
      context.progress(work.done + step, work.total, 'steps', { loss: mean });
    },
  });
  if (trained.kind === 'refused') {
    const reasons = trained.refusals.map(({ node, opType, reason }) => `${opType} ${node} ${reason}`);
    return { left: [...new Set(reasons)].join('; ') };
  }
  const learned = await readBack(plan, twin, made, trained.values);
  const sources = { model, graph, banks, batch, goal };
  const before = goal ? await blockError(sources) : off;
  const after = await blockError(sources, learned.constants);
  const losses = summary(trained.losses);
  const isBetter = after <= before;
  return { before, after: isBetter ? after : before, losses, learned: isBetter ? learned : nothing() };
}

const nothing = (): Learned => ({ ...noNumbers(), constants: new Map() });

/** What the values of a step may take, in bytes, gradients included: from the model alone, as the chunks of a walk. */
const STEP_BYTES = 2 ** 30;

/** Values that quantizers and gradients add for each of the block's. */
const VALUES_PER_VALUE = 4;

/**
 * Samples a step: as many as asked for where the model takes any number, they fit a chunk, and a step of them fits in memory;
 * else as many as the model takes.
 */
async function batchOf(model: Model, walk: Walk, graph: BlockGraph, banks: Banks, wanted: number) {
  const most = Math.min(Math.max(...walk.samples), banks.count);
  if (fedInputs(model.graph).some(({ shape }) => typeof shape?.[0] === 'number')) return most;
  const shapes = await shapesIn(blockModel(model, graph, banks), feedOf(banks, graph, 0, 1));
  let elements = 0;
  for (const [name, { dims }] of shapes) if (!graph.constants.has(name)) elements += elementCount(dims);
  const fitting = Math.floor(STEP_BYTES / (FLOAT_BYTES * VALUES_PER_VALUE * Math.max(1, elements)));
  return Math.max(1, Math.min(wanted, most, fitting));
}

const FLOAT_BYTES = 4;

/** Share of the steps in which rates rise: Adam's first steps go by signs alone. */
const WARM_UP = 0.1;

const warmUp = (progress: number): number => Math.min(1, (progress + 0.01) / WARM_UP) * halfCosine(progress);

/** Share of the past in the loss that is shown. */
const SMOOTHING = 0.9;

/** Points of the curve of losses that a record keeps. */
const POINTS = 32;

/** Means of equal parts of the losses. */
function summary(losses: Float32Array): number[] {
  const count = Math.min(POINTS, losses.length);
  return Array.from({ length: count }, (_, part) => {
    const from = Math.floor((part * losses.length) / count);
    const to = Math.floor(((part + 1) * losses.length) / count);
    return losses.subarray(from, to).reduce((sum, loss) => sum + loss, 0) / (to - from);
  });
}

/** What is stored, from the values that the last forward pass would compute. */
async function readBack(
  plan: Plan,
  twin: TwinGraph,
  { objective, layers, activations }: BlockObjective,
  values: ReadonlyMap<string, NdArray>,
): Promise<Learned> {
  const simulated = [
    ...layers.flatMap(({ weight }) => (weight ? [weight.simulated] : [])),
    ...activations.map((each) => each.simulated),
  ];
  const stored = await computeValues(objective, simulated.flatMap(storedValues), values);
  const learned = nothing();
  const like = (name: string, data: Float32Array): Tensor =>
    tensorOf({ type: 'float32', dims: twin.constants.get(name)?.dims ?? [data.length], data });
  for (const { rounding, bits, simulated: quantizer } of activations) {
    const grid = readQuantizer(quantizer, bits, stored);
    learned.activations.set(rounding.key, grid);
    for (const each of twin.roundings) if (each.key === rounding.key) setQuantizer(learned, each, grid);
  }
  for (const layer of layers) {
    const bias = layer.bias && (values.get(layer.bias)?.data as Float32Array | undefined);
    const { id, site, weighted } = layer.twin.layer;
    if (bias) learned.biases.set(id, bias);
    const weight = readWeight(withLearned(plan, learned), layer, stored);
    if (weight) {
      learned.weights.set(site, weight);
      learned.constants.set(layer.twin.weight, like(layer.twin.weight, dequantizeTensor(weight)));
    }
    if (!bias) continue;
    const asStored = biasIn(withLearned(plan, learned), weighted);
    learned.constants.set(layer.twin.bias, like(layer.twin.bias, asStored ? dequantizeBias(asStored) : bias));
  }
  return learned;
}

/** The numbers of a plan in the making. */
type LearnedNumbers = PlanNumbers & Pick<Plan, 'weights'>;

/** The plan with what is learned so far: limits of weights and steps of biases follow from it. */
function withLearned(plan: Plan, { activations, biases, weights }: Learned): LearnedNumbers {
  const next = new Map(plan.activations);
  for (const [key, grid] of activations) {
    const known = next.get(key);
    if (known) next.set(key, { ...known, quantizer: { kind: 'affine', grid } });
  }
  return {
    ...plan,
    activations: next,
    biases: new Map([...plan.biases, ...biases]),
    weights: new Map([...plan.weights, ...weights]),
  };
}

/** A learned weight within the limits of its bias and of its pairs. */
function readWeight(
  plan: PlanNumbers,
  { twin: { layer }, weight }: LearnedLayer,
  stored: ReadonlyMap<string, NdArray>,
): QuantizedTensor | undefined {
  if (!weight) return undefined;
  const read = readTensor(weight.simulated, weight.site, stored);
  const floor = scaleFloorIn(plan, layer.weighted, read.scales.length);
  const scales = read.scales.map((scale, c) => Math.max(scale, floor[c] ?? 0));
  const pairing = pairingIn(plan, layer.weighted);
  const within: QuantizedTensor = { ...read, scales };
  return pairing ? withinPairs(within, dequantizeTensor(within), pairing) : within;
}
