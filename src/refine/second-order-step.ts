import type { LinearLayer } from '../graph/linear-layer.js';
import { type Node, node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import { ChannelMoments, type MomentNodes, momentNodes, reduction } from './channel-moments.js';
import type { TwinLayer } from './twin-graph.js';
import { canSlice, outputMatrix, thinned, unfolded } from './unfold.js';
import type { Step } from './walk.js';
import { type Fragment, matrixSizeOf, product } from './weight-matrix.js';

/** What a direct Add brings to a layer's result, in float and quantized. */
export interface Shortcut {
  readonly float: string;
  readonly quantized: string;
}

/** The second moments of what a quantized layer reads, and of what it should give. */
export interface SecondOrderStep extends Step {
  readonly moments: MomentNodes;
  readonly names: { readonly h: string; readonly c: string; readonly inputs: string };
}

/** What a step is made for, beside the layer. */
export interface StepSettings {
  readonly shortcut: Shortcut | undefined;
  readonly opset: number;
  /** Of a convolution's places, along each axis, one in so many is read. */
  readonly every: number;
}

/**
 * Places of a sample that are enough for H: neighbours say much the same (ResNet-20: 64 of 1,024 give what all give). Of
 * few samples more are read, so many in all.
 */
const PLACES = 64;
const PLACES_IN_ALL = 2 ** 14;

/** What a layer is read of: the shape of its result, undefined where it is not known, and so many samples. */
interface ReadFrom {
  readonly shape: readonly number[] | undefined;
  readonly samples: number;
  readonly opset: number;
}

/** How many places of a convolution stand for one, along each axis, so that enough are left. */
export function thinning(linear: LinearLayer, { shape, samples, opset }: ReadFrom): number {
  if (!shape || !canSlice(linear, opset)) return 1;
  const axes = shape.slice(2);
  const places = elementCount(axes);
  const enough = Math.max(PLACES, PLACES_IN_ALL / samples);
  return Math.max(1, Math.floor((places / enough) ** (1 / axes.length)));
}

/**
 * A step that gathers H and C of a layer. With u what a place of the quantized layer reads, and t the float network's
 * result, plus what the shortcut lost where the layer feeds an Add directly: Σuuᵀ, Σtuᵀ, the sum of u, and the moments of
 * t.
 */
export function secondOrderStep(twin: TwinLayer, { shortcut, opset, every }: StepSettings): SecondOrderStep {
  const { layer } = twin;
  const { linear } = layer;
  const prefix = `${layer.id}/second-order`;
  const name = (suffix: string) => `${prefix}/${suffix}`;
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const add = (fragment: Fragment) => {
    nodes.push(...fragment.nodes);
    for (const [key, value] of fragment.constants) constants.set(key, value);
  };
  const thin = (value: string, output: string) => {
    if (every === 1) return value;
    add(thinned(linear, value, name(output), every));
    return name(output);
  };
  add(unfolded(linear, twin.input, name('u'), { opset, every }));
  let target = thin(twin.float, 'float');
  if (shortcut) {
    const [float, quantized] = [thin(shortcut.float, 'shortcut'), thin(shortcut.quantized, 'quantized')];
    nodes.push(node('Sub', [float, quantized], [name('lost')]));
    nodes.push(node('Add', [target, name('lost')], [name('target')]));
    target = name('target');
  }
  add(outputMatrix(linear, target, name('t')));
  nodes.push(...product(name('u'), name('u'), linear.groups, name('h')));
  nodes.push(...product(name('t'), name('u'), linear.groups, name('c')));
  const axes = [linear.groups === 1 ? 1 : 2];
  add(reduction('ReduceSum', [name('u'), name('inputs')], { axes, keeps: false, opset }));
  const moments = momentNodes(linear, target, name('moments'), opset);
  add(moments);
  const names = { h: name('h'), c: name('c'), inputs: name('inputs') };
  const needs = [twin.input, twin.float, ...(shortcut ? [shortcut.float, shortcut.quantized] : [])];
  return {
    needs,
    own: { nodes, constants },
    results: [...Object.values(names), ...moments.results],
    moments,
    names,
  };
}

/** Group after group: H = Cov(u), columns × columns, C = Cov(t, u), rows × columns, and the means of u. */
export interface Covariances {
  readonly h: Float64Array;
  readonly c: Float64Array;
  readonly means: Float64Array;
}

/** The sums of a step over chunks, in float64. */
export class SecondOrderSums {
  readonly target: ChannelMoments;
  readonly #step: SecondOrderStep;
  readonly #h: Float64Array;
  readonly #c: Float64Array;
  readonly #inputs: Float64Array;

  constructor(twin: TwinLayer, step: SecondOrderStep) {
    const { groups, rows, columns } = matrixSizeOf(twin.layer.linear);
    this.#step = step;
    this.target = new ChannelMoments(groups * rows);
    this.#h = new Float64Array(groups * columns * columns);
    this.#c = new Float64Array(groups * rows * columns);
    this.#inputs = new Float64Array(groups * columns);
  }

  add(results: ReadonlyMap<string, NdArray>): void {
    const { names, moments } = this.#step;
    addTo(this.#h, results, names.h);
    addTo(this.#c, results, names.c);
    addTo(this.#inputs, results, names.inputs);
    this.target.addResults(results, moments);
  }

  /** What the sums come to; they are used up. */
  covariances(): Covariances {
    const { count, means: targets } = this.target;
    const means = this.#inputs.map((sum) => sum / count);
    const columns = this.#h.length / means.length;
    const rows = (targets.length * columns) / means.length;
    const h = centred(this.#h, { count, left: means, right: means, perGroup: columns });
    const c = centred(this.#c, { count, left: targets, right: means, perGroup: rows });
    return { h, c, means };
  }
}

/** Covariances of so many places, and the means of t there. */
export interface Counted {
  readonly covariances: Covariances;
  readonly targets: Float64Array;
  readonly count: number;
}

/** The covariances of all places from those of two parts, in place of the first's (Chan, Golub and LeVeque 1983). */
export function pooled(one: Counted, other: Counted): Covariances {
  if (other.count === 0) return one.covariances;
  const count = one.count + other.count;
  const share = other.count / count;
  const { h, c, means } = one.covariances;
  const columns = h.length / means.length;
  const rows = c.length / columns / (means.length / columns);
  const steps = other.covariances.means.map((mean, k) => mean - (means[k] as number));
  const targetSteps = other.targets.map((mean, row) => mean - (one.targets[row] as number));
  const pool = (into: Float64Array, added: Float64Array, left: Float64Array, perGroup: number) => {
    for (let at = 0; at < into.length; at++) {
      const row = Math.floor(at / columns);
      const step = steps[Math.floor(row / perGroup) * columns + (at % columns)] as number;
      const own = into[at] as number;
      into[at] = own + share * ((added[at] as number) - own + (1 - share) * (left[row] as number) * step);
    }
  };
  pool(h, other.covariances.h, steps, columns);
  pool(c, other.covariances.c, targetSteps, rows);
  for (let k = 0; k < means.length; k++) means[k] = (means[k] as number) + share * (steps[k] as number);
  return { h, c, means };
}

function addTo(sums: Float64Array, results: ReadonlyMap<string, NdArray>, name: string): void {
  const values = (results.get(name) as NdArray).data as Float32Array;
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (values[i] as number);
}

/** Sums of products → covariances, in place: divided by the count, less the product of the means. */
function centred(
  sums: Float64Array,
  {
    count,
    left,
    right,
    perGroup,
  }: { count: number; left: Float64Array; right: Float64Array; perGroup: number },
): Float64Array {
  const columns = sums.length / left.length;
  for (let row = 0; row < left.length; row++) {
    const from = Math.floor(row / perGroup) * columns;
    const mean = left[row] as number;
    for (let k = 0; k < columns; k++) {
      const at = row * columns + k;
      sums[at] = (sums[at] as number) / count - mean * (right[from + k] as number);
    }
  }
  return sums;
}

/**
 * Covariances → second moments about zero: for a layer that has no bias to take the mean.
 *
 * @param targets - means of t
 */
export function aboutZero({ h, c, means }: Covariances, targets: Float64Array): Covariances {
  const columns = h.length / means.length;
  const rows = c.length / columns / (means.length / columns);
  const moved = (covariances: Float64Array, left: Float64Array, perGroup: number) =>
    covariances.map((value, at) => {
      const row = Math.floor(at / columns);
      const mean = means[Math.floor(row / perGroup) * columns + (at % columns)] as number;
      return value + (left[row] as number) * mean;
    });
  return { h: moved(h, means, columns), c: moved(c, targets, rows), means };
}
