import { intAttribute, intsAttribute, type Node, stringAttribute } from '../graph/model.js';
import { NotInteger } from './kernel.js';
import type { Dims } from './program.js';

/** The window of a convolution or a pool over rows and columns; of one axis, the rows are one. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

/**
 * The window of a node.
 *
 * @param input - dimensions of its input, where they are known: `auto_pad` and `ceil_mode` ask for them
 */
export function windowOf(node: Node, kernel: readonly number[], input: Dims | undefined): Window {
  const axes = kernel.length;
  if (axes < 1 || axes > 2) throw new NotInteger(`its window has ${axes} axes`);
  const two = (values: readonly number[] | undefined, one: number) =>
    [...Array(2 - axes).fill(one), ...(values ?? Array(axes).fill(one))] as [number, number];
  const [rows, columns] = two(kernel, 1);
  const strides = two(intsAttribute(node, 'strides'), 1);
  const dilations = two(intsAttribute(node, 'dilations'), 1);
  const given = intsAttribute(node, 'pads') ?? Array(2 * axes).fill(0);
  const [begin, end] = [two(given.slice(0, axes), 0), two(given.slice(axes), 0)];
  const sizes = input && two(input.slice(2).map(Number), 1);
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (mode.startsWith('SAME')) {
    if (!sizes) throw new NotInteger('its padding depends on a size that is not known');
    for (const axis of [0, 1] as const) {
      const reach = ([rows, columns][axis] as number) * dilations[axis] - dilations[axis] + 1;
      const outputs = Math.ceil(sizes[axis] / strides[axis]);
      const total = Math.max(0, (outputs - 1) * strides[axis] + reach - sizes[axis]);
      const half = Math.floor(total / 2);
      begin[axis] = mode === 'SAME_UPPER' ? half : total - half;
      end[axis] = total - begin[axis];
    }
  }
  if (intAttribute(node, 'ceil_mode', 0) !== 0) throw new NotInteger('it has ceil_mode');
  return { kernel: [rows, columns], strides, dilations, pads: [begin[0], begin[1], end[0], end[1]] };
}

/** Rows and columns that a window gives. */
export function outputSize(window: Window, height: number, width: number): [number, number] {
  const { kernel, strides, dilations, pads } = window;
  const along = (size: number, axis: 0 | 1) => {
    const reach = (kernel[axis] - 1) * dilations[axis] + 1;
    return Math.floor((size + pads[axis] + pads[(axis + 2) as 2 | 3] - reach) / strides[axis]) + 1;
  };
  return [along(height, 0), along(width, 1)];
}

/** [N, C, H, W] of a shape that may have rows alone, and back. */
export function planesOf(dims: readonly number[]): [number, number, number, number] {
  const [n = 1, c = 1, ...places] = dims;
  const [h, w] = places.length === 1 ? [1, places[0] ?? 1] : [places[0] ?? 1, places[1] ?? 1];
  return [n, c, h, w];
}

/** The shape of what a window gives, with as many axes as its input has. */
export const withPlanes = (like: readonly number[], n: number, c: number, h: number, w: number): number[] =>
  like.length === 3 ? [n, c, w] : [n, c, h, w];
