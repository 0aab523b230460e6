import { inputAt, type Node, stringAttribute } from '../../graph/model.js';
import { floatsOf, integersOf, isFloatTensor } from '../../graph/tensor.js';
import { elementCount } from '../../numerics/nd-array.js';
import { clamp, roundHalfEven } from '../../numerics/round.js';
import {
  constantCodes,
  type IntegerKernel,
  NotInteger,
  type ProgramSource,
  scaleOf,
  shiftOf,
} from '../kernel.js';
import { readMoved, stepsOf } from '../moved.js';
import type { Codes, IntegerValue } from '../program.js';

/** Codes with a border of one code: that of real 0, or what the model says. */
export const pad: IntegerKernel = {
  name: 'pad',
  opTypes: ['Pad'],
  summary: 'a border of one code',
  read(node: Node, source: ProgramSource) {
    if (stringAttribute(node, 'mode', 'constant') !== 'constant')
      throw new NotInteger('it pads by other values');
    if (inputAt(node, 3)) throw new NotInteger('it pads by axes');
    const { initializers } = source.qdq.graph;
    const given = initializers.get(inputAt(node, 1) ?? '');
    if (!given) throw new NotInteger('its padding is computed');
    const pads = integersOf(given);
    if (pads.some((size) => size < 0)) throw new NotInteger('it cuts');
    const moved = readMoved(node, source);
    const value = codeOf(node, source, moved.inputs[0]);
    return {
      ...moved,
      parameters: { pads, value },
      run: ([codes]) => [moved.rescale(padded(codes as Codes, pads, value))],
    };
  },
};

function codeOf(node: Node, source: ProgramSource, input: IntegerValue): number {
  const name = inputAt(node, 2);
  const { qdq } = source;
  const shift = source.codeShiftOf(inputAt(node, 0) ?? '');
  const tensor = name === undefined ? undefined : qdq.graph.initializers.get(name);
  // Without a value codes are padded with code 0.
  if (shift !== undefined && (tensor || name === undefined))
    return (tensor ? (integersOf(tensor)[0] ?? 0) : 0) - shift;
  if (name === undefined) return input.zeroPoint;
  const read = qdq.read(name);
  const codes = read?.tensor && constantCodes(read);
  if (!codes && !(tensor && isFloatTensor(tensor))) throw new NotInteger('its padding value is computed');
  const real =
    read && codes
      ? ((codes.data[0] ?? 0) - (read.grid.zeroPoints[0] ?? 0) + shiftOf(read.grid)) *
        (read.grid.scales[0] ?? 0)
      : tensor
        ? (floatsOf(tensor)[0] ?? 0)
        : 0;
  return clamp(roundHalfEven(real / scaleOf(input)) + input.zeroPoint, -128, 127);
}

function padded({ dims, data }: Codes, pads: readonly number[], value: number): Codes {
  const rank = dims.length;
  const result = dims.map((dim, axis) => dim + (pads[axis] as number) + (pads[axis + rank] as number));
  const filled = new Int8Array(elementCount(result)).fill(value);
  const steps = stepsOf(result);
  const columns = dims[rank - 1] ?? 1;
  const place = Array(rank).fill(0);
  for (let from = 0; from < data.length; from += columns) {
    let to = 0;
    for (let axis = 0; axis < rank; axis++)
      to += (place[axis] + (pads[axis] as number)) * (steps[axis] as number);
    filled.set(data.subarray(from, from + columns), to);
    for (let axis = rank - 2; axis >= 0; axis--) {
      if (++place[axis] < (dims[axis] as number)) break;
      place[axis] = 0;
    }
  }
  return { dims: result, data: filled };
}
