import { seededRandom } from '../../calibration/sampling.js';
import type { DataType } from '../../src/graph/data-type.js';
import {
  type Attribute,
  attribute,
  type Dim,
  type Graph,
  type Model,
  node,
  type ValueInfo,
} from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { elementCount, type Feed, type NdArray } from '../../src/numerics/nd-array.js';

/** Attribute values as a test writes them: whole numbers are ints, other numbers floats. */
type AttributeValue = number | readonly number[] | string | Attribute;

/**
 * Builds a small model that reads like its graph:
 *
 *     const g = new GraphBuilder();
 *     g.input('x', ['batch', 3, 8, 8]);
 *     g.constant('w', [4, 3, 3, 3], randomFloats(4 * 27, 1));
 *     g.node('Conv', ['x', 'w'], 'y', { pads: [1, 1, 1, 1] });
 *     g.output('y', ['batch', 4, 8, 8]);
 *     const model = g.build();
 */
export class GraphBuilder {
  readonly graph: Graph = {
    nodes: [],
    initializers: new Map(),
    inputs: [],
    outputs: [],
    valueInfo: new Map(),
  };

  input(name: string, shape: readonly Dim[], dataType: DataType = 'float32'): string {
    this.graph.inputs.push({ name, dataType, shape });
    return name;
  }

  /** A float32 constant, or the array given. */
  constant(name: string, dims: readonly number[], values: ArrayLike<number> | NdArray['data']): string {
    const data = ArrayBuffer.isView(values)
      ? (values as NdArray['data'])
      : Float32Array.from(values as ArrayLike<number>);
    const type = data.constructor.name
      .replace('Array', '')
      .replace('Big', '')
      .toLowerCase() as NdArray['type'];
    this.graph.initializers.set(name, tensorOf({ type, dims, data }));
    return name;
  }

  /** A node; gives the name of its first output. */
  node(
    opType: string,
    inputs: readonly string[],
    outputs: string | readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    name?: string,
  ): string {
    const names = typeof outputs === 'string' ? [outputs] : outputs;
    const made = node(
      opType,
      inputs,
      names,
      Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)])),
    );
    this.graph.nodes.push(name === undefined ? made : { ...made, name });
    return names[0] ?? '';
  }

  output(name: string, shape?: readonly Dim[], dataType: DataType = 'float32'): void {
    const info: ValueInfo = { name, dataType, shape };
    this.graph.outputs.push(info);
  }

  build({ opset = 17, irVersion = 8 }: { opset?: number; irVersion?: number } = {}): Model {
    return {
      irVersion,
      opsets: new Map([['', opset]]),
      graph: this.graph,
      metadata: new Map(),
      batchNorms: new Map(),
    };
  }
}

function attributeOf(value: AttributeValue): Attribute {
  if (typeof value === 'number')
    return Number.isInteger(value) ? attribute.int(value) : attribute.float(value);
  if (typeof value === 'string') return attribute.string(value);
  if (Array.isArray(value)) return attribute.ints(value as number[]);
  return value as Attribute;
}

/** `count` numbers, uniform in [low, high), the same for the same seed. */
export function randomFloats(count: number, seed: number, low = -1, high = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => low + (high - low) * random());
}

/** One float32 input, filled at random. */
export function randomFeed(name: string, dims: readonly number[], seed: number, low = -1, high = 1): Feed {
  return { [name]: { type: 'float32', dims, data: randomFloats(elementCount(dims), seed, low, high) } };
}
