import { channelAlong } from '../../numerics/nd-array.js';
import {
  bookOf,
  type CodebookTensor,
  integersOfTensor,
  type QuantizedTensor,
} from '../../quantize/quantized-tensor.js';

/**
 * Part of a step that stays free at the border of a cell: rounding finds the same code again, and the first steps of a
 * training, which move all weights alike, do not undo at once what was decided against the nearest code.
 */
const MARGIN = 0.2;

/**
 * A float weight, each element moved as little as takes it to where its stored code is the nearest: what a plan decided is
 * where learning starts, and how near to another code each element is stays known.
 *
 * @param values - the float weight
 */
export function withinCells(values: Float32Array, tensor: QuantizedTensor): Float32Array {
  const channel = channelAlong(tensor.dims, tensor.axis);
  const integers = integersOfTensor(tensor);
  const bounds = tensor.kind === 'affine' ? affineBounds : codebookBounds(tensor);
  return Float32Array.from(values, (value, at) => {
    const c = channel(at);
    const scale = tensor.scales[c] ?? 1;
    const [low, high] = bounds(integers[at] as number, c);
    return Math.min(Math.max(value, scale * low), scale * high);
  });
}

const affineBounds = (code: number): [number, number] => [code - 0.5 + MARGIN, code + 0.5 - MARGIN];

/** Bounds of a level: half way to its neighbours, as far again beyond the last. */
function codebookBounds(tensor: CodebookTensor) {
  const ascending = Array.from(tensor.scales, (_, channel) =>
    [...new Set(bookOf(tensor, channel))].sort((a, b) => a - b),
  );
  return (level: number, channel: number): [number, number] => {
    const levels = ascending[channel] ?? [];
    const at = levels.indexOf(level);
    const [below, above] = [levels[at - 1], levels[at + 1]];
    const down = below === undefined ? (above ?? level + 1) - level : level - below;
    const up = above === undefined ? down : above - level;
    return [level - (0.5 - MARGIN) * down, level + (0.5 - MARGIN) * up];
  };
}
