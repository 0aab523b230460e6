import { roundHalfEven } from '../numerics/round.js';
import { clampBounds } from './clamp-bounds.js';
import type { DataType } from './data-type.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from './model.js';
import { floatsOf, integersOf, isFloatTensor, type Tensor } from './tensor.js';
import { indexUses, type Uses } from './uses.js';

/** The code ranges of the integer types that quantized tensors come in. */
const ranges: Readonly<Partial<Record<DataType, readonly [low: number, high: number]>>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint4: [0, 15],
  int4: [-8, 7],
};

/** The code range of a type; undefined for one that is no integer type of quantized tensors. */
export const codeRangeOf = (type: DataType): readonly [low: number, high: number] | undefined => ranges[type];

/** What codes stand for: real = scale · (code − zero point), one scale in all or one along an axis. */
export interface Grid {
  readonly type: DataType;
  readonly scales: Float32Array;
  /** As many as there are scales. */
  readonly zeroPoints: readonly number[];
  /** The axis that several scales run along, as the file has it: it may count from the end. */
  readonly axis: number;
  /** Values that share a scale along the axis; undefined where each has its own, or all share one. */
  readonly block: number | undefined;
}

/** What an operator reads as floats, and is codes behind a DequantizeLinear. */
export interface CodesRead {
  /** Name of the codes. */
  readonly name: string;
  readonly grid: Grid;
  /** The codes themselves, where they are constant. */
  readonly tensor: Tensor | undefined;
  readonly dequantize: Node;
}

/** What an operator gives as floats, and becomes codes in a QuantizeLinear behind it. */
export interface CodesWritten {
  /** Name of the codes: behind the Clip that narrows them, where there is one. */
  readonly name: string;
  readonly grid: Grid;
  /** The codes that are reached: those of the type, within the clamps on the way. */
  readonly low: number;
  readonly high: number;
  /** The operators from the float result to the codes: clamps, the Q, and the Clip of codes. */
  readonly nodes: readonly Node[];
}

/** Reads a graph of QuantizeLinear and DequantizeLinear, whoever wrote it. */
export class QdqGraph {
  readonly graph: Graph;
  readonly uses: Uses;

  constructor(graph: Graph) {
    this.graph = graph;
    this.uses = indexUses(graph);
  }

  /** The codes behind a float value; undefined where it is no DQ's, or scale and zero point are not constant. */
  read(value: string | undefined): CodesRead | undefined {
    const dequantize = value === undefined ? undefined : this.uses.producer(value);
    if (!dequantize || !isQuantizing(dequantize, 'DequantizeLinear')) return undefined;
    const [name = ''] = dequantize.inputs;
    const tensor = this.graph.initializers.get(name);
    const grid = this.gridOf(dequantize, tensor?.dataType);
    return grid && { name, grid, tensor, dequantize };
  }

  /** What a float result becomes: a Q behind it, with Relu and Clip on the way. */
  written(value: string): CodesWritten | undefined {
    const readers = this.uses.readers(value);
    const quantize = readers.find(({ node, index }) => index === 0 && isQuantizing(node, 'QuantizeLinear'));
    if (quantize) return this.#behind(quantize.node);
    const [only] = readers;
    if (!only || !this.uses.hasOneUse(value) || only.index !== 0) return undefined;
    if (!isOp(only.node, 'Relu', 'Clip') || !this.#hasConstantBounds(only.node)) return undefined;
    const next = this.written(only.node.outputs[0] ?? '');
    if (!next) return undefined;
    const bounds = clampBounds(this.graph, only.node);
    const [low, high] = [bounds.low, bounds.high].map((bound) => codeOf(bound, next.grid)) as [
      number,
      number,
    ];
    return {
      ...next,
      low: Math.max(next.low, low),
      high: Math.min(next.high, high),
      nodes: [only.node, ...next.nodes],
    };
  }

  /** Scale and zero point of a Q or a DQ; undefined where they are computed. */
  gridOf(node: Node, known?: DataType): Grid | undefined {
    const { initializers } = this.graph;
    const scale = initializers.get(inputAt(node, 1) ?? '');
    const zero = inputAt(node, 2);
    const zeroPoint = zero === undefined ? undefined : initializers.get(zero);
    if (!scale || !isFloatTensor(scale) || (zero !== undefined && !zeroPoint)) return undefined;
    // Without a zero point the type of codes that a Q makes is uint8.
    const type = known ?? zeroPoint?.dataType ?? this.#typeMade(inputAt(node, 0));
    if (zeroPoint && codeRangeOf(zeroPoint.dataType) === undefined) return undefined;
    const scales = floatsOf(scale);
    const given = zeroPoint && zeroPointsOf(zeroPoint);
    const zeroPoints = Array.from(scales, (_, c) => given?.[given.length === 1 ? 0 : c] ?? 0);
    const block = intAttribute(node, 'block_size', 0);
    const axis = intAttribute(node, 'axis', 1);
    return { type, scales, zeroPoints, axis, block: block > 0 ? block : undefined };
  }

  #behind(quantize: Node): CodesWritten | undefined {
    const grid = this.gridOf(quantize);
    const range = grid && codeRangeOf(grid.type);
    if (!grid || !range) return undefined;
    const [low, high] = range;
    const [name = ''] = quantize.outputs;
    const reader = this.uses.onlyReader(name);
    if (!reader || !isOp(reader, 'Clip') || !this.#hasConstantBounds(reader))
      return { name, grid, low, high, nodes: [quantize] };
    const bounds = clampBounds(this.graph, reader);
    return {
      name: reader.outputs[0] ?? '',
      grid,
      low: Math.max(low, bounds.low),
      high: Math.min(high, bounds.high),
      nodes: [quantize, reader],
    };
  }

  #hasConstantBounds(node: Node): boolean {
    return [1, 2].every((at) => {
      const name = inputAt(node, at);
      return name === undefined || this.graph.initializers.has(name);
    });
  }

  /** The type that a zero point left out stands for: that of the codes' maker, or uint8. */
  #typeMade(codes: string | undefined): DataType {
    const maker = codes === undefined ? undefined : this.uses.producer(codes);
    if (!maker) return 'uint8';
    const own = isQuantizing(maker, 'QuantizeLinear') ? inputAt(maker, 2) : undefined;
    return this.graph.initializers.get(own ?? '')?.dataType ?? 'uint8';
  }
}

/** Whether a node is Q or DQ: of ONNX, or of onnxruntime's own domain. */
export function isQuantizing(node: Node, ...opTypes: ('QuantizeLinear' | 'DequantizeLinear')[]): boolean {
  const known = opTypes.length === 0 ? ['QuantizeLinear', 'DequantizeLinear'] : opTypes;
  return known.includes(node.opType) && ['', 'com.microsoft'].includes(node.domain);
}

/** Quantization is monotonic: what a clamp does to reals, a clamp to the bounds' codes does to codes. */
function codeOf(bound: number, { scales: [scale = 1], zeroPoints: [zeroPoint = 0] }: Grid): number {
  if (!Number.isFinite(bound)) return bound;
  return roundHalfEven(Math.fround(bound / scale)) + zeroPoint;
}

/** Zero points of 4 bits are not looked into: no integer kernel reads them. */
function zeroPointsOf(tensor: Tensor): readonly number[] {
  return tensor.dataType.endsWith('int4') ? [0] : integersOf(tensor);
}
