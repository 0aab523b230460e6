import { elementCount } from '../numerics/nd-array.js';
import type { Steps } from './steps.js';
import { reach, tapsOf, type Window } from './window.js';

interface Side {
  readonly value: string;
  /** [samples, channels, places …]. */
  readonly dims: readonly number[];
}

/**
 * From as many channels on both sides on, places and samples are summed in one product. Channels last are copied for it,
 * which fewer channels do not pay back: 64 × 64 of 8 × 8 places take 0.6 of the time of a product a sample, 256 × 256 of
 * 7 × 7 a third, 16 × 16 of 32 × 32 1.1 (onnxruntime 1.30, batches of 32, two threads).
 */
const JOINED_CHANNELS = 32;

/**
 * The gradient of a convolution's weight: for each tap, the products of the small side's channels with the large side's
 * at the places that the tap meets, summed over places and samples. One matrix product a tap: the convolution with its
 * sides swapped, which gives the same, takes 2.5 times as long in onnxruntime 1.30.
 *
 * @param large - the side that the kernel moves over, unpadded
 * @param small - the side that the kernel has one place for each move
 * @returns a value of the shape [small channels, large channels / groups, kernel …]
 */
export function weightGradient(
  steps: Steps,
  large: Side,
  small: Side,
  window: Window,
  groups: number,
): string {
  const { kernel, strides, dilations } = window;
  const [samples = 1, smallChannels = 1, ...places] = small.dims;
  const largeChannels = (large.dims[1] ?? 1) / groups;
  const [perGroup, count] = [smallChannels / groups, elementCount(places)];
  const axes = kernel.map((_, axis) => axis + 2);
  // A kernel that ends short of the end leaves places that no tap meets; they are cut off like a padding.
  const ends = kernel.map(
    (_, axis) =>
      ((places[axis] ?? 1) - 1) * (strides[axis] ?? 1) +
      reach(kernel, dilations, axis) -
      (large.dims[axis + 2] ?? 1) -
      (window.begins[axis] ?? 0),
  );
  const padded = steps.pad(large.value, [0, 0, ...window.begins], [0, 0, ...ends]);
  const joined = groups === 1 && Math.min(smallChannels, largeChannels) >= JOINED_CHANNELS;
  const pointwise = kernel.every((size) => size === 1) && strides.every((stride) => stride === 1);
  const moved = joined ? steps.transpose(padded, [0, ...axes, 1]) : padded;
  const metBy = (tap: readonly number[]) => {
    if (pointwise) return moved;
    const starts = tap.map((at, axis) => at * (dilations[axis] ?? 1));
    const stops = starts.map((start, axis) => start + ((places[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1);
    const cut = joined ? axes.map((axis) => axis - 1) : axes;
    return steps.slice(moved, cut, starts, stops, strides);
  };
  const depthwise = largeChannels === 1 && perGroup === 1;
  const rows = joined
    ? steps.reshape(steps.transpose(small.value, [1, 0, ...axes]), [smallChannels, samples * count])
    : depthwise
      ? ''
      : steps.reshape(small.value, [samples, groups, perGroup, count]);
  const taps = tapsOf(kernel).map((tap) => {
    const met = metBy(tap);
    if (depthwise) {
      const summed = steps.sum(steps.mul(met, small.value), [0, ...axes]);
      return steps.reshape(summed, [smallChannels, 1, 1]);
    }
    if (joined) {
      const columns = steps.reshape(met, [samples * count, largeChannels]);
      return steps.reshape(steps.op('MatMul', [rows, columns]), [smallChannels, largeChannels, 1]);
    }
    const columns = steps.reshape(met, [samples, groups, largeChannels, count]);
    const product = steps.op('MatMul', [rows, steps.transpose(columns, [0, 1, 3, 2])]);
    return steps.reshape(steps.sum(product, [0], false), [smallChannels, largeChannels, 1]);
  });
  const [first = ''] = taps;
  const whole = taps.length === 1 ? first : steps.op('Concat', taps, { axis: { kind: 'int', value: 2n } });
  return steps.reshape(whole, [smallChannels, largeChannels, ...kernel]);
}
