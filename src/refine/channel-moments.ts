import type { LinearLayer } from '../graph/linear-layer.js';
import { type Attribute, attribute, node } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import type { NdArray } from '../numerics/nd-array.js';
import { type Fragment, int64s, isConvolution } from './weight-matrix.js';

/** Opset from which a reduction takes its axes as an input. */
const AXES_INPUT: Readonly<Record<string, number>> = { ReduceSum: 13, ReduceMean: 18, ReduceSumSquare: 18 };

/** A reduction, in the form that an opset has. */
export function reduction(
  opType: 'ReduceSum' | 'ReduceMean' | 'ReduceSumSquare',
  [value, output]: readonly [value: string, output: string],
  { axes, keeps, opset }: { axes: readonly number[]; keeps: boolean; opset: number },
): Fragment {
  const keepdims: Record<string, Attribute> = { keepdims: attribute.int(keeps ? 1 : 0) };
  const constants = new Map<string, Tensor>();
  if (opset < (AXES_INPUT[opType] as number)) {
    const made = node(opType, [value], [output], { ...keepdims, axes: attribute.ints(axes) });
    return { nodes: [made], constants };
  }
  constants.set(`${output}_axes`, int64s(axes));
  return { nodes: [node(opType, [value, `${output}_axes`], [output], keepdims)], constants };
}

/** Mean and spread of each channel of a layer's result, as results of a run. */
export interface MomentNodes extends Fragment {
  readonly results: readonly [mean: string, squares: string, size: string];
}

/**
 * Nodes that give, for each channel, the mean of a run and the sum of squares around it, and how many elements there were.
 *
 * @param value - a layer's result: channels along axis 1 of a convolution's, along the last one of others
 * @param prefix - what the names of the nodes' values begin with
 */
export function momentNodes(layer: LinearLayer, value: string, prefix: string, opset: number): MomentNodes {
  const name = (suffix: string) => `${prefix}/${suffix}`;
  const results = [name('mean'), name('squares'), name('size')] as const;
  const isSpatial = isConvolution(layer.node);
  const rank = isSpatial ? layer.weight.dims.length : 2;
  const channelAxis = isSpatial ? 1 : rank - 1;
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== channelAxis);
  const read = isSpatial ? value : name('rows');
  const average = reduction('ReduceMean', [read, results[0]], { axes, keeps: true, opset });
  const spread = reduction('ReduceSumSquare', [name('centred'), results[1]], { axes, keeps: false, opset });
  const shape = int64s([-1, layer.outputChannels]);
  return {
    nodes: [
      ...(isSpatial ? [] : [node('Reshape', [value, name('shape')], [read])]),
      ...average.nodes,
      node('Sub', [read, results[0]], [name('centred')]),
      ...spread.nodes,
      node('Size', [value], [results[2]]),
    ],
    constants: new Map([...average.constants, ...spread.constants, [name('shape'), shape]]),
    results,
  };
}

/** Mean and variance of each channel over many runs, merged exactly (Chan, Golub and LeVeque 1983), in float64. */
export class ChannelMoments {
  count = 0;
  readonly means: Float64Array;
  readonly #squares: Float64Array;

  constructor(channels: number) {
    this.means = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /**
   * Add a run.
   *
   * @param count - elements of each channel
   * @param means - of each channel in this run
   * @param squares - the sums of squares around these means
   */
  add(count: number, means: ArrayLike<number>, squares: ArrayLike<number>): void {
    if (count === 0) return;
    const total = this.count + count;
    for (let c = 0; c < this.means.length; c++) {
      const step = (means[c] as number) - (this.means[c] as number);
      this.means[c] = (this.means[c] as number) + (step * count) / total;
      this.#squares[c] =
        (this.#squares[c] as number) + (squares[c] as number) + (step * step * this.count * count) / total;
    }
    this.count = total;
  }

  /** Add what the nodes of `momentNodes` gave. */
  addResults(results: ReadonlyMap<string, NdArray>, { results: [mean, squares, size] }: MomentNodes): void {
    const elements = Number(results.get(size)?.data[0] ?? 0);
    const numbers = (name: string) => (results.get(name) as NdArray).data as Float32Array;
    this.add(elements / this.means.length, numbers(mean), numbers(squares));
  }

  /** Sums of squares around the means. */
  get squares(): Float64Array {
    return this.#squares;
  }

  get variances(): Float64Array {
    return this.#squares.map((sum) => (this.count > 0 ? sum / this.count : 0));
  }
}
