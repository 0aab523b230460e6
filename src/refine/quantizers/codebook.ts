import type { Steps } from '../../derive/steps.js';
import { attribute } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { CodebookTensor } from '../../quantize/quantized-tensor.js';
import { ownGradient, type WeightQuantizer } from './simulated.js';

/** Levels are int8. */
const LEVEL = { low: -127, high: 127 } as const;

/**
 * Levels of a codebook, learned on the int8 grid that they are stored on: rounded, and the rounding passed straight
 * through. Each weight keeps its level, or, where the float weight is learned too, gets the nearest, as LSQ's weights get
 * the nearest step. The scales stay.
 *
 * The gradient of a level is the sum over its weights, by 1/√N as LSQ has it.
 */
export const codebook: WeightQuantizer = {
  name: 'codebook',
  summary: 'levels of the codebook learned on the int8 grid',
  isBestFixed: true,
  refuse: ({ tensor }) => (tensor.kind === 'codebook' ? undefined : 'it is stored as steps'),
  simulate(maker, site) {
    const { tensor, value, rate } = site;
    if (tensor.kind !== 'codebook') throw new Error('no codebook');
    const { steps, fresh } = maker;
    const count = 2 ** tensor.bits;
    const books = tensor.levels.length / count;
    const rows = rowsOf(tensor);
    const level = fresh(`${value}/levels`);
    const rounded = steps.op('Round', [level]);
    const clipped = steps.op('Clip', [rounded, steps.scalar(LEVEL.low), steps.scalar(LEVEL.high)]);
    const perRow = rowsShare(steps, clipped, tensor, rows.count);
    const scale = steps.floats(tensor.scales, tensor.scales.length === 1 ? [1, 1] : [rows.count, 1]);
    const indices = site.latent
      ? nearest(steps, rows.to(steps, value), perRow, scale)
      : steps.array({
          type: 'int64',
          dims: [rows.count, rows.length],
          data: BigInt64Array.from(rows.arrange(tensor.indices), BigInt),
        });
    const taken = steps.op('GatherElements', [perRow, indices], { axis: attribute.int(1) });
    const output = rows.from(steps, steps.mul(taken, scale));
    const factor = 1 / Math.sqrt(rows.length);
    const straight = ownGradient(clipped, [level], (_, gradient) => [() => gradient]);
    const whole = ownGradient(output, [value, perRow], (back, gradient) => [
      () => gradient,
      () => {
        const scaled = back.scale(back.mul(rows.to(back, gradient), scale), factor);
        return back.op('ScatterElements', [back.zeros([rows.count, count]), indices, scaled], {
          axis: attribute.int(1),
          reduction: attribute.string('add'),
        });
      },
    ]);
    return {
      output,
      own: [straight, whole],
      parameters: [
        {
          name: level,
          start: { type: 'float32', dims: [books, count], data: Float32Array.from(tensor.levels) },
          rate: rate * typicalStep(tensor, count),
        },
      ],
      stored: { kind: 'codebook', indices: rows.from(steps, indices), levels: clipped, tensor },
    };
  },
};

/** Mean distance of neighbouring levels: the size that a learning rate is a share of. */
function typicalStep({ levels }: CodebookTensor, count: number): number {
  let [sum, books] = [0, 0];
  for (let at = 0; at < levels.length; at += count) {
    const book = levels.subarray(at, at + count);
    sum += (Math.max(...book) - Math.min(...book)) / (count - 1);
    books++;
  }
  return Math.max(1, sum / books);
}

/** Levels for each row: its own, or those of the rows that share a codebook. */
function rowsShare(steps: Steps, levels: string, tensor: CodebookTensor, rows: number): string {
  const { channelsPerCodebook = rows } = tensor;
  if (channelsPerCodebook === 1) return levels;
  const books = Array.from({ length: rows }, (_, row) => Math.floor(row / channelsPerCodebook));
  return steps.op('Gather', [levels, steps.ints(books)], { axis: attribute.int(0) });
}

/** For each element of [rows, n] the index of the nearest level of its row. */
function nearest(steps: Steps, value: string, levels: string, scale: string): string {
  const apart = steps.op('Unsqueeze', [steps.div(value, scale), steps.ints([2])]);
  const books = steps.op('Unsqueeze', [levels, steps.ints([1])]);
  const distance = steps.op('Abs', [steps.sub(apart, books)]);
  return steps.op('ArgMin', [distance], { axis: attribute.int(2), keepdims: attribute.int(0) });
}

/** A weight as rows, one a channel: its axis first, all else behind. */
function rowsOf({ dims, axis }: CodebookTensor) {
  const count = axis === undefined ? 1 : (dims[axis] ?? 1);
  const length = elementCount(dims) / count;
  const axes = dims.map((_, at) => at);
  const perm = axis === undefined ? axes : [axis, ...axes.filter((at) => at !== axis)];
  const back = axes.map((at) => perm.indexOf(at));
  const turned = perm.map((at) => dims[at] ?? 1);
  return {
    count,
    length,
    to: (steps: Steps, value: string) => steps.reshape(steps.transpose(value, perm), [count, length]),
    from: (steps: Steps, value: string) => steps.transpose(steps.reshape(value, turned), back),
    arrange: (elements: Uint8Array): Uint8Array => {
      if (axis === undefined || axis === 0) return elements;
      const strides = axes.map((at) => elementCount(dims.slice(at + 1)));
      return elements.map((_, at) => {
        let [rest, source] = [at, 0];
        for (let place = turned.length - 1; place >= 0; place--) {
          const size = turned[place] ?? 1;
          source += (rest % size) * (strides[perm[place] ?? 0] ?? 1);
          rest = Math.floor(rest / size);
        }
        return elements[source] as number;
      });
    },
  };
}
