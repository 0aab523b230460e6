import { inputAt, type Node } from '../../graph/model.js';
import { arrayOf, type Tensor } from '../../graph/tensor.js';
import { elementCount } from '../../numerics/nd-array.js';
import { clamp } from '../../numerics/round.js';
import { type IntegerKernel, NotInteger, type ProgramSource } from '../kernel.js';
import { readMoved, stepsOf, strided } from '../moved.js';
import type { Codes } from '../program.js';

/** Codes at regular places along some axes. */
export const slice: IntegerKernel = {
  name: 'slice',
  opTypes: ['Slice'],
  summary: 'a part, at regular places',
  read(node: Node, source: ProgramSource) {
    const moved = readMoved(node, source);
    const list = (at: number): number[] | undefined => {
      const name = inputAt(node, at);
      if (name === undefined) return undefined;
      const tensor = source.qdq.graph.initializers.get(name);
      if (!tensor) throw new NotInteger('its places are computed');
      return integersWithin(tensor);
    };
    const starts = list(1) ?? [];
    const ends = list(2) ?? [];
    const axes = list(3) ?? starts.map((_, i) => i);
    const steps = list(4) ?? starts.map(() => 1);
    return {
      ...moved,
      parameters: { starts, ends, axes, steps },
      run: ([codes]) => [moved.rescale(sliced(codes as Codes, { starts, ends, axes, steps }))],
    };
  },
};

/** Beyond this an end means the last place: exporters write the largest int64 for one that is open. */
const FAR = 2 ** 31 - 1;

const integersWithin = (tensor: Tensor): number[] =>
  Array.from(arrayOf(tensor).data as ArrayLike<number | bigint>, (value) => clamp(Number(value), -FAR, FAR));

interface Places {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

function sliced({ dims, data }: Codes, { starts, ends, axes, steps }: Places): Codes {
  const result = [...dims];
  const strides = stepsOf(dims);
  let start = 0;
  axes.forEach((given, i) => {
    const axis = given < 0 ? given + dims.length : given;
    const size = dims[axis] as number;
    const step = steps[i] as number;
    const from = (value: number, low: number, high: number) =>
      clamp(value < 0 ? value + size : value, low, high);
    const first = step > 0 ? from(starts[i] as number, 0, size) : from(starts[i] as number, 0, size - 1);
    const last = step > 0 ? from(ends[i] as number, 0, size) : from(ends[i] as number, -1, size - 1);
    result[axis] = Math.max(0, Math.ceil((last - first) / step));
    start += first * (strides[axis] as number);
    strides[axis] = (strides[axis] as number) * step;
  });
  return elementCount(result) === 0
    ? { dims: result, data: new Int8Array() }
    : strided(data, result, strides, start);
}
