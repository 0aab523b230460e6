import type { Dim, Model } from '../../src/graph/model.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';

/** Adds layers with random weights to a graph; a name stands for a layer's weight, bias and seed alike. */
export class Net extends GraphBuilder {
  #seed = 1;

  /** A Conv 3×3 (or of the kernel given) that keeps the image size, with a bias. */
  conv(input: string, output: string, inputs = 4, outputs = 4, attributes: ConvAttributes = {}): string {
    const { kernel = [3, 3], bias = true, pads, ...others } = attributes;
    const dims = [outputs, inputs / (others.group ?? 1), ...kernel];
    this.random(`${output}_weight`, dims, 0.5);
    if (bias) this.random(`${output}_bias`, [outputs], 0.5);
    const half = kernel.map((size) => Math.floor(size / 2));
    return this.node('Conv', [input, `${output}_weight`, ...(bias ? [`${output}_bias`] : [])], output, {
      kernel_shape: kernel,
      pads: pads ?? [...half, ...half],
      ...others,
    });
  }

  /** A Gemm with weight [inputs, outputs] (or its transpose) and a bias. */
  gemm(
    input: string,
    output: string,
    inputs: number,
    outputs: number,
    attributes: GemmAttributes = {},
  ): string {
    const { biasDims = [outputs], ...others } = attributes;
    this.random(`${output}_weight`, others.transB ? [outputs, inputs] : [inputs, outputs], 0.5);
    if (biasDims) this.random(`${output}_bias`, biasDims, 0.5);
    return this.node(
      'Gemm',
      [input, `${output}_weight`, ...(biasDims ? [`${output}_bias`] : [])],
      output,
      others,
    );
  }

  /** A MatMul with a constant right side. */
  matMul(input: string, output: string, inputs: number, outputs: number): string {
    this.random(`${output}_weight`, [inputs, outputs], 0.5);
    return this.node('MatMul', [input, `${output}_weight`], output);
  }

  /** A float32 constant, uniform within ±`most`. */
  random(name: string, dims: readonly number[], most = 1): string {
    return this.constant(name, dims, randomFloats(elementCount(dims), this.#seed++, -most, most));
  }

  int64(name: string, values: readonly number[]): string {
    return this.constant(name, [values.length], BigInt64Array.from(values, BigInt));
  }

  scalar(name: string, value: number): string {
    return this.constant(name, [], [value]);
  }

  /** A Clip with constant bounds; undefined leaves one out. */
  clip(input: string, output: string, low: number | undefined, high: number | undefined): string {
    const bounds = [
      low === undefined ? '' : this.scalar(`${output}_low`, low),
      high === undefined ? '' : this.scalar(`${output}_high`, high),
    ];
    return this.node('Clip', high === undefined ? [input, bounds[0] as string] : [input, ...bounds], output);
  }
}

interface ConvAttributes {
  readonly kernel?: readonly number[];
  readonly bias?: boolean;
  readonly group?: number;
  readonly pads?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
}

interface GemmAttributes {
  /** null leaves the bias out. */
  readonly biasDims?: readonly number[] | null;
  readonly transA?: number;
  readonly transB?: number;
}

/** x [1, 4, 8, 8] → Conv "before" → what `middle` builds → Conv "after" → y. */
export function between(
  middle: (net: Net, before: string) => string,
  { channels = 4, opset = 17, irVersion = 8 }: { channels?: number; opset?: number; irVersion?: number } = {},
): Model {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.conv('x', 'before');
  net.conv(middle(net, 'before'), 'y', channels);
  return finish(net, 'y', undefined, { opset, irVersion });
}

/** x [1, 4, 6, 6] → stem → relu → residual block (a, b) → y, a convolution. */
export function residual(): Model {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.node('Relu', [net.conv('x', 'stem')], 'r');
  net.node('Relu', [net.conv('r', 'a')], 's');
  net.node('Add', [net.conv('s', 'b'), 'r'], 'sum');
  net.node('Relu', ['sum'], 't');
  return finish(net, net.conv('t', 'y'));
}

/** x [1, 4, 8, 8] → Conv → relu → Conv → average → Gemm → y, five scores. */
export function classifier(): Model {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.conv('x', 'a', 4, 16);
  net.conv(net.node('Relu', ['a'], 'r'), 'b', 16, 16);
  net.node('GlobalAveragePool', ['b'], 'p');
  net.node('Flatten', ['p'], 'f');
  return finish(net, net.gemm('f', 'y', 16, 5));
}

/** The model with one output. */
export function finish(
  net: Net,
  output: string,
  shape?: readonly Dim[],
  versions?: { opset?: number; irVersion?: number },
): Model {
  net.output(output, shape);
  return net.build(versions);
}
