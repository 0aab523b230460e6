import { BIAS_INPUT } from '../graph/linear-layer.js';
import { type Node, node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import type { NdArray } from '../numerics/nd-array.js';
import { ChannelMoments, type MomentNodes, momentNodes, reduction } from './channel-moments.js';
import type { TwinLayer } from './twin-graph.js';
import type { Step } from './walk.js';
import { copyOf, outputMatrix, product, unfolded, weightMatrixOf } from './weight-matrix.js';

/** What a direct Add brings to a layer's result, in float and quantized. */
export interface Shortcut {
  readonly float: string;
  readonly quantized: string;
}

/** The second moments of what a quantized layer reads, and of what it lacks. */
export interface SecondOrderStep extends Step {
  readonly moments: MomentNodes;
  readonly names: { readonly h: string; readonly r: string; readonly inputs: string; readonly lack: string };
}

/**
 * A step that gathers H and R of a layer. With u what each place of the quantized layer reads, and t the float network's
 * result, plus what the shortcut lost where the layer feeds an Add directly: Σuuᵀ, Σ(t − (Wu + b))uᵀ, the sums of u and of
 * t − (Wu + b), and the moments of t.
 */
export function secondOrderStep(
  twin: TwinLayer,
  shortcut: Shortcut | undefined,
  opset: number,
): SecondOrderStep {
  const { layer } = twin;
  const { linear, biasAdd, node: source } = layer;
  const prefix = `${layer.id}/second-order`;
  const name = (suffix: string) => `${prefix}/${suffix}`;
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const add = (fragment: { nodes: readonly Node[]; constants: ReadonlyMap<string, Tensor> }) => {
    nodes.push(...fragment.nodes);
    for (const [key, value] of fragment.constants) constants.set(key, value);
  };
  add(unfolded(linear, twin.input, name('u')));

  // The float layer on the quantized input.
  const inputs = source.inputs.map((value, index) => (index === 0 ? twin.input : value));
  nodes.push(copyOf(source, inputs.slice(0, BIAS_INPUT + 1), [name('product')]));
  if (biasAdd && layer.weighted.bias)
    nodes.push(node('Add', [name('product'), layer.weighted.bias], [name('given')]));
  const given = biasAdd ? name('given') : name('product');

  let target = twin.float;
  if (shortcut) {
    nodes.push(node('Sub', [shortcut.float, shortcut.quantized], [name('lost')]));
    nodes.push(node('Add', [twin.float, name('lost')], [name('target')]));
    target = name('target');
  }
  nodes.push(node('Sub', [target, given], [name('lack')]));
  add(outputMatrix(linear, name('lack'), name('d')));
  nodes.push(...product(name('u'), name('u'), linear.groups, name('h')));
  nodes.push(...product(name('d'), name('u'), linear.groups, name('r')));
  const axes = [linear.groups === 1 ? 1 : 2];
  add(reduction('ReduceSum', [name('u'), name('inputs')], { axes, keeps: false, opset }));
  add(reduction('ReduceSum', [name('d'), name('lacks')], { axes, keeps: false, opset }));
  const moments = momentNodes(linear, target, name('t'), opset);
  add(moments);
  const names = { h: name('h'), r: name('r'), inputs: name('inputs'), lack: name('lacks') };
  const needs = [twin.input, twin.float, ...(shortcut ? [shortcut.float, shortcut.quantized] : [])];
  return {
    needs,
    own: { nodes, constants },
    results: [...Object.values(names), ...moments.results],
    moments,
    names,
  };
}

/** Group after group: H = Cov(u), columns × columns, R = Cov(t − (Wu + b), u), rows × columns, and the means of u. */
export interface Covariances {
  readonly h: Float64Array;
  readonly r: Float64Array;
  readonly means: Float64Array;
}

/** The sums of a step over all chunks, in float64. */
export class SecondOrderSums {
  readonly target: ChannelMoments;
  readonly #step: SecondOrderStep;
  readonly #h: Float64Array;
  readonly #r: Float64Array;
  readonly #inputs: Float64Array;
  readonly #lack: Float64Array;

  constructor(twin: TwinLayer, step: SecondOrderStep) {
    const { groups, rows, columns } = weightMatrixOf(twin.layer.linear);
    this.#step = step;
    this.target = new ChannelMoments(groups * rows);
    this.#h = new Float64Array(groups * columns * columns);
    this.#r = new Float64Array(groups * rows * columns);
    this.#inputs = new Float64Array(groups * columns);
    this.#lack = new Float64Array(groups * rows);
  }

  add(results: ReadonlyMap<string, NdArray>): void {
    const { names, moments } = this.#step;
    const into = (sums: Float64Array, name: string) => {
      const values = (results.get(name) as NdArray).data as Float32Array;
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (values[i] as number);
    };
    into(this.#h, names.h);
    into(this.#r, names.r);
    into(this.#inputs, names.inputs);
    into(this.#lack, names.lack);
    this.target.addResults(results, moments);
  }

  /** What the sums come to; they are used up. */
  covariances(): Covariances {
    const { count } = this.target;
    const means = this.#inputs.map((sum) => sum / count);
    const lack = this.#lack.map((sum) => sum / count);
    const columns = this.#h.length / means.length;
    const rows = (lack.length * columns) / means.length;
    const centre = (sums: Float64Array, left: Float64Array, perGroup: number) => {
      for (let row = 0; row < left.length; row++) {
        const group = Math.floor(row / perGroup);
        for (let k = 0; k < columns; k++) {
          const at = row * columns + k;
          sums[at] =
            (sums[at] as number) / count - (left[row] as number) * (means[group * columns + k] as number);
        }
      }
      return sums;
    };
    return { h: centre(this.#h, means, columns), r: centre(this.#r, lack, rows), means };
  }
}
