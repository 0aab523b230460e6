import { intAttribute, intsAttribute, type Node, stringAttribute } from '../graph/model.js';

/** How a kernel moves over the places of a value, axis by axis; the paddings are those that it has in truth. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/**
 * The window of a convolution or a pooling, automatic padding worked out.
 *
 * @param large - the places of the side that the kernel moves over
 * @param small - the places that it makes
 */
export function windowOf(
  node: Node,
  kernel: readonly number[],
  large: readonly number[],
  small: readonly number[],
): Window {
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, 'strides') ?? ones;
  const dilations = intsAttribute(node, 'dilations') ?? ones;
  const stated = intsAttribute(node, 'pads') ?? kernel.flatMap(() => [0, 0]);
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET');
  const begins: number[] = [];
  const ends: number[] = [];
  kernel.forEach((_, axis) => {
    const [begin = 0, end = 0] = [stated[axis], stated[axis + kernel.length]];
    // What the kernel covers in all, less what there is.
    const total =
      ((small[axis] ?? 1) - 1) * (strides[axis] ?? 1) + reach(kernel, dilations, axis) - (large[axis] ?? 1);
    if (auto.startsWith('SAME')) {
      const padding = Math.max(0, total);
      const first = auto === 'SAME_LOWER' ? Math.ceil(padding / 2) : Math.floor(padding / 2);
      begins.push(first);
      ends.push(padding - first);
    } else if (auto === 'VALID') {
      begins.push(0);
      ends.push(0);
    } else {
      begins.push(begin);
      ends.push(end);
    }
  });
  return { kernel, strides, dilations, begins, ends };
}

/** Places from the first to the last of a kernel, both counted. */
export function reach(kernel: readonly number[], dilations: readonly number[], axis: number): number {
  return ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
}

/** Every tap of a kernel as its indices, row-major. */
export function tapsOf(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (taps, size) => taps.flatMap((tap) => Array.from({ length: size }, (_, at) => [...tap, at])),
    [[]],
  );
}

export const groupOf = (node: Node): number => intAttribute(node, 'group', 1);
