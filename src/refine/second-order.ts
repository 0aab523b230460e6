import { opsetOf } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { isAllFinite } from '../numerics/finite.js';
import { dot, timesSymmetric } from '../numerics/symmetric.js';
import { weightLimit } from '../quantize/integer-limit.js';
import { pairingIn, withinPairs } from '../quantize/pairs.js';
import type { Plan, RefinedBlock, StoredTensor } from '../quantize/plan.js';
import { dequantizeTensor } from '../quantize/quantized-tensor.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { named } from '../recipe.js';
import { areFinite, correctMoments, floorOf, type Moments, NOT_FINITE } from './correct-moments.js';
import { type FittedBlocks, fitBlocks } from './fit-blocks.js';
import { REFITS } from './fit-levels.js';
import { type FittedWeight, fitWeight } from './fit-weight.js';
import { DAMPING } from './hessian.js';
import type { RefinableLayer } from './layers.js';
import { ALL_OF_IT, hessiansOf, madeGood, type Shrinkage, shrinkageThatHolds } from './make-good.js';
import { measureLayers, samplesOfWalk, samplesSetting, withWalk } from './open-walk.js';
import { isLinearProduct, layersAndProducts } from './recurrent-layers.js';
import type { Refiner } from './refiner.js';
import {
  aboutZero,
  type Counted,
  type Covariances,
  pooled,
  SecondOrderSums,
  secondOrderStep,
  thinning,
} from './second-order-step.js';
import { shortcutOf } from './shortcut.js';
import { setConstant, twinGraphOf } from './twin-graph.js';
import { part, rowsOf, rowsOfGroup, type WeightMatrix, weightMatrixOf } from './weight-matrix.js';

/** As many that it gains more than `moments` where activations are narrow, too (docs/refine.md). */
const LEAST_SAMPLES = 64;

/**
 * Rounds each layer's weights under the second moments of its input, on the network as quantized so far (GPTQ, Frantar et
 * al. 2023), with three additions: the target makes good what was lost before, T = W + R·(H + λI)⁻¹, with
 * R = Cov(t − (Wu + b), u) = Cov(t, u) − WH; where the layer feeds an Add directly, t brings what the other operand lost; and levels or
 * scales are refitted under H in turn with the codes. Then the moments of every channel are those of t.
 */
export const secondOrder: Refiner = {
  name: 'second-order',
  summary: 'codes and levels of least error in what each layer gives',
  changes: ['weights', 'biases'],
  settings: [
    {
      ...{ key: 'levels', summary: 'how often levels and scales are chosen anew for the codes' },
      ...{ usual: REFITS, least: 0, most: 20 },
    },
    samplesSetting,
  ],
  mostSamples: samplesOfWalk(LEAST_SAMPLES),
  async refine(plan, context) {
    const { model, settings } = context;
    const refits = Math.round(Number(settings.levels ?? REFITS));
    const opset = opsetOf(model);
    const layers = layersAndProducts(model.graph, plan).filter(isLinearProduct);
    const twin = twinGraphOf(model, plan, layers);
    const weights = new Map<string, StoredTensor>();
    const biases = new Map<string, Float32Array>();
    const blocks: RefinedBlock[] = [];
    const shapes = await measureLayers(context, layers);
    const steps = twin.layers.map((each, k) => {
      const { linear } = each.layer;
      const every = thinning(linear, {
        shape: shapes.get(each.float),
        samples: context.source.length,
        opset,
      });
      return secondOrderStep(each, { shortcut: shortcutOf(model.graph, twin, k), opset, every });
    });
    const needs = steps.map((step) => step.needs);
    await withWalk({ ...context, shapes }, { graph: twin, layers, needs }, async (walk) => {
      for (const [done, each] of twin.layers.entries()) {
        const { layer } = each;
        await context.pause();
        const step = steps[done] as (typeof steps)[number];
        const halves = [new SecondOrderSums(each, step), new SecondOrderSums(each, step)] as const;
        await walk.next(step, (results, chunk) => (chunk % 2 === 0 ? halves[0] : halves[1]).add(results));
        const parts = halves.map(countedOf) as [Counted, Counted];
        context.progress(done + 1, twin.layers.length, 'layers');
        if (!halves.every(({ target }) => areFinite(target)) || !parts.every(isFinitePart)) {
          blocks.push({ id: layer.id, left: NOT_FINITE });
          continue;
        }
        const shrinkage = shrinkageOf(layer, parts);
        const [{ target }, { target: rest }] = halves;
        target.add(rest.count, rest.means, rest.squares);
        const covariances = pooled(...parts);
        const weighing = layer.takesBias ? covariances : aboutZero(covariances, target.means);
        const fitted = fitLayer(layer, plan, weighing, { refits, shrinkage });
        const corrected = correctMoments(
          { ...layer, weight: fitted.weight },
          plan,
          target,
          momentsOf(fitted.weight, layer, covariances),
        );
        setConstant(twin, each.weight, dequantizeTensor(corrected.weight));
        if (corrected.bias && each.bias) setConstant(twin, each.bias, corrected.bias);
        weights.set(layer.site, corrected.weight);
        if (corrected.bias) biases.set(layer.id, corrected.bias);
        const signal = target.variances.reduce((sum, variance) => sum + variance, 0) || 1;
        blocks.push({ id: layer.id, before: fitted.before / signal, after: fitted.after / signal });
      }
    });
    return { change: { weights, biases }, blocks };
  },
};

/** A weight fitted, and the error of its rows before and after. */
type Fitted = FittedWeight | FittedBlocks;

/** What the sums of a half come to; they are used up. */
const countedOf = (sums: SecondOrderSums): Counted => ({
  covariances: sums.covariances(),
  targets: sums.target.means.slice(),
  count: sums.target.count,
});

const isFinitePart = ({ covariances, count }: Counted): boolean =>
  count === 0 || isAllFinite(covariances.means);

/** How what is made good is shrunk so that it holds on other samples; all of it where there is one half alone. */
function shrinkageOf(layer: RefinableLayer, parts: readonly [Counted, Counted]): Shrinkage {
  if (parts[1].count === 0) return ALL_OF_IT;
  const matrix = weightMatrixOf(layer.linear);
  const [one, other] = parts.map(({ covariances, targets }) =>
    layer.takesBias ? covariances : aboutZero(covariances, targets),
  ) as [Covariances, Covariances];
  return shrinkageThatHolds(rowsOf(floatsOf(layer.linear.weight), matrix), [one, other], matrix);
}

/** The weight of a layer fitted to T = W + a·R·(H + λI)⁻¹, a the share of it that holds. */
function fitLayer(
  layer: RefinableLayer,
  plan: Plan,
  covariances: Covariances,
  { refits, shrinkage }: { refits: number; shrinkage: Shrinkage },
): Fitted {
  const matrix = weightMatrixOf(layer.linear);
  const targets = rowsOf(floatsOf(layer.linear.weight), matrix);
  const hessians = hessiansOf(covariances.h, matrix);
  const { share, damping } = shrinkage;
  const damped = damping === DAMPING ? hessians : hessiansOf(covariances.h, matrix, damping);
  const added = madeGood(targets, covariances, damped, matrix);
  for (let i = 0; i < targets.length; i++) targets[i] = (targets[i] as number) + share * (added[i] as number);
  const { weight } = layer;
  if (weight.kind === 'blocks') {
    const [hessian] = hessians;
    return hessian ? fitBlocks({ weight, targets, hessian, refits }) : { weight, before: 0, after: 0 };
  }
  const { freeLevels: freesLevels = false, powersOfTwo = false } = named(schemes, layer.recipe.scheme);
  const floor = floorOf(layer, plan, layer.bias);
  const pairing = pairingIn(plan, layer.weighted);
  const limit = weightLimit(layer.weighted, plan.recipe);
  // Two levels of half the bound never saturate together, and free levels lose nothing by a grid half as fine.
  const levelLimit = pairing && weight.kind === 'codebook' ? Math.min(limit, pairing.bound >> 1) : limit;
  const fitted = fitWeight({
    weight,
    matrix,
    targets,
    hessians,
    limit: levelLimit,
    floor,
    freesLevels,
    powersOfTwo,
    refits,
    pairing,
  });
  if (!pairing) return fitted;
  // Here, so that the layers behind make good what it costs.
  return { ...fitted, weight: withinPairs(fitted.weight, valuesOf(targets, matrix), pairing) };
}

/** The elements of rows, at their places in the weight. */
function valuesOf(rows: Float64Array, { elements }: WeightMatrix): Float32Array {
  const values = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[elements[i] as number] = rows[i] as number;
  return values;
}

/** Mean and variance of each output of a layer, from its weight and the moments of its input. */
function momentsOf(weight: StoredTensor, layer: RefinableLayer, { h, means }: Covariances): Moments {
  const matrix = weightMatrixOf(layer.linear);
  const { groups, rows, columns } = matrix;
  const values = rowsOf(dequantizeTensor(weight), matrix);
  const found = { means: new Float64Array(groups * rows), variances: new Float64Array(groups * rows) };
  for (let group = 0; group < groups; group++) {
    const own = rowsOfGroup(values, group, matrix);
    const mean = part(means, group, columns);
    timesSymmetric(own, part(h, group, columns * columns), columns).forEach((product, r) => {
      const w = own[r] as Float64Array;
      const row = group * rows + r;
      found.means[row] = dot(w, mean) + (layer.bias?.[row] ?? 0);
      found.variances[row] = Math.max(0, dot(w, product));
    });
  }
  return found;
}
