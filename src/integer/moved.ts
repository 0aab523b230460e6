import { inputAt, type Node } from '../graph/model.js';
import { elementCount } from '../numerics/nd-array.js';
import { activationAt, boundsOf, type ProgramSource, resultOf } from './kernel.js';
import type { Codes, IntegerValue } from './program.js';
import { isSameGrid, lookUp, requantizeTable } from './requantize.js';

/** What an operator that only moves values reads and gives: codes as they are, or codes between a DQ and a Q. */
export interface Moved {
  readonly inputs: readonly [IntegerValue];
  readonly outputs: readonly [IntegerValue, ...IntegerValue[]];
  readonly nodes: readonly Node[];
  /** What was moved, on the result's scale. */
  readonly rescale: (codes: Codes) => Codes;
}

/** Read an operator that moves values. */
export function readMoved(node: Node, source: ProgramSource): Moved {
  const own = source.codesNamed(inputAt(node, 0) ?? '');
  if (own) {
    const values = node.outputs.filter(Boolean).map((name) => ({
      ...own,
      name,
      dims: source.dimsOf(name) ?? null,
    }));
    const [first = own, ...others] = values;
    return { inputs: [own], outputs: [first, ...others], nodes: [], rescale: (codes) => codes };
  }
  const input = source.valueOf(activationAt(node, 0, source));
  const written = node.outputs.filter(Boolean).map((output) => resultOf(output, source));
  const values = written.map((each) => source.valueOf(each));
  const [first = input, ...others] = values;
  const [bounds] = written.map(boundsOf);
  const isSame = values.every((value) => isSameGrid(value, input));
  const table = bounds && requantizeTable(source, input, first, bounds);
  const isWhole = isSame && bounds?.low === -128 && bounds.high === 127;
  return {
    inputs: [input],
    outputs: [first, ...others],
    nodes: written.flatMap(({ nodes }) => nodes),
    rescale: (codes) => (isWhole || !table ? codes : { ...codes, data: lookUp(codes.data, table) }),
  };
}

/** Elements at regular steps: place p of the result is element start + Σ p·step. */
export function strided(
  data: Int8Array | Int32Array,
  dims: readonly number[],
  steps: readonly number[],
  start = 0,
): Codes {
  const result = new Int8Array(elementCount(dims));
  const place = Array(dims.length).fill(0);
  let from = start;
  for (let to = 0; to < result.length; to++) {
    result[to] = data[from] as number;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      place[axis]++;
      from += steps[axis] as number;
      if (place[axis] < (dims[axis] as number)) break;
      from -= (steps[axis] as number) * place[axis];
      place[axis] = 0;
    }
  }
  return { dims, data: result };
}

/** Elements from one place to the next along each axis. */
export const stepsOf = (dims: readonly number[]): number[] =>
  dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
