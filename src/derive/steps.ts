import { dataTypeCodes } from '../graph/data-type.js';
import { type Attribute, attribute, type Node, node } from '../graph/model.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import type { Scope } from './derivative.js';

/** Everything that making nodes needs. */
export type Maker = Pick<Scope, 'floatType' | 'fresh' | 'constantOf'>;

/** Nodes under construction. Each method adds one and gives the name of its output; opset 17 and later. */
export class Steps {
  readonly nodes: Node[] = [];
  readonly #maker: Maker;
  readonly #hint: string;

  /** @param hint - what the names of the values begin with */
  constructor(maker: Maker, hint: string) {
    this.#maker = maker;
    this.#hint = hint;
  }

  op(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs = 1,
  ): string {
    return this.ops(opType, inputs, attributes, outputs)[0] ?? '';
  }

  /** A node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: number,
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.#maker.fresh(`${this.#hint}/${opType}`));
    this.nodes.push(node(opType, inputs, names, attributes));
    return names;
  }

  /** A constant of the float type. */
  floats(values: ArrayLike<number>, dims: readonly number[] = [values.length]): string {
    const type = this.#maker.floatType;
    const data = type === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
    return this.#maker.constantOf({ type, dims, data });
  }

  scalar(value: number): string {
    return this.floats([value], []);
  }

  ints(values: readonly number[]): string {
    return this.array({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  array(array: NdArray): string {
    return this.#maker.constantOf(array);
  }

  /** All 0. */
  zeros(dims: readonly number[]): string {
    return this.op('Expand', [this.scalar(0), this.ints(dims)]);
  }

  add(a: string, b: string): string {
    return this.op('Add', [a, b]);
  }

  sub(a: string, b: string): string {
    return this.op('Sub', [a, b]);
  }

  mul(a: string, b: string): string {
    return this.op('Mul', [a, b]);
  }

  div(a: string, b: string): string {
    return this.op('Div', [a, b]);
  }

  /** The value itself for a factor of 1. */
  scale(value: string, factor: number): string {
    return factor === 1 ? value : this.mul(value, this.scalar(factor));
  }

  /** 1 where the condition holds, 0 elsewhere. */
  mask(condition: string): string {
    const to = this.#maker.floatType === 'float64' ? dataTypeCodes.float64 : dataTypeCodes.float32;
    return this.op('Cast', [condition], { to: attribute.int(to) });
  }

  /** `value` where the condition holds, 0 elsewhere: by a product, since Where takes 5 times as long in onnxruntime 1.30. */
  where(condition: string, value: string): string {
    return this.mul(value, this.mask(condition));
  }

  /** `value` where the condition does not hold. */
  unless(condition: string, value: string): string {
    return this.where(this.op('Not', [condition]), value);
  }

  reshape(value: string, dims: readonly number[]): string {
    return this.op('Reshape', [value, this.ints(dims)]);
  }

  /** Another shape for a value of a known one; the value itself where they are the same. */
  asShape(value: string, from: readonly number[], to: readonly number[]): string {
    return `${from}` === `${to}` ? value : this.reshape(value, to);
  }

  transpose(value: string, perm: readonly number[]): string {
    if (perm.every((axis, at) => axis === at)) return value;
    return this.op('Transpose', [value], { perm: attribute.ints(perm) });
  }

  expand(value: string, dims: readonly number[]): string {
    return this.op('Expand', [value, this.ints(dims)]);
  }

  sum(value: string, axes: readonly number[], keepDims = true): string {
    if (axes.length === 0) return value;
    return this.op('ReduceSum', [value, this.ints(axes)], { keepdims: attribute.int(keepDims ? 1 : 0) });
  }

  /** The mean along axes of a value of the shape given; the axes stay, of length 1. */
  mean(value: string, dims: readonly number[], axes: readonly number[]): string {
    return this.scale(this.sum(value, axes), 1 / elementCount(axes.map((axis) => dims[axis] ?? 1)));
  }

  slice(
    value: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: readonly number[],
  ): string {
    const lists = [starts, ends, axes, ...(steps ? [steps] : [])];
    return this.op('Slice', [value, ...lists.map((list) => this.ints(list))]);
  }

  /** Zeros around each axis; a negative count cuts off. */
  pad(value: string, begins: readonly number[], ends: readonly number[]): string {
    if ([...begins, ...ends].every((count) => count === 0)) return value;
    return this.op('Pad', [value, this.ints([...begins, ...ends])]);
  }

  /** Sum a gradient over what broadcasting repeated, so that it has the shape `to`. */
  sumTo(gradient: string, from: readonly number[], to: readonly number[]): string {
    if (from.length === to.length && from.every((dim, axis) => dim === to[axis])) return gradient;
    const lead = from.length - to.length;
    const repeated = from.flatMap((dim, axis) =>
      axis < lead || (to[axis - lead] === 1 && dim !== 1) ? [axis] : [],
    );
    const summed = this.sum(gradient, repeated);
    return lead === 0 ? summed : this.reshape(summed, to);
  }
}
