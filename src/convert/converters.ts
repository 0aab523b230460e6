import { attributesToInputs } from './attributes-to-inputs.js';
import type { Converter } from './converter.js';
import { early } from './early.js';
import { later } from './later.js';
import { resizes } from './resize.js';
import { softmaxes } from './softmax.js';

/**
 * Every operator whose definition changed between opset 5 and 21 in a way that its old form is not read by the new one.
 * Source: the ONNX operator changelog. What only gained types, attributes with the old meaning as default, or negative
 * axes, needs no converter.
 */
export const converters: readonly Converter[] = [
  ...early,
  ...attributesToInputs,
  ...resizes,
  ...softmaxes,
  ...later,
];

/** Operators that changed and that no converter covers. */
export const unconvertible: readonly {
  readonly opType: string;
  readonly since: number;
  readonly reason: string;
}[] = [
  { opType: 'Scan', since: 9, reason: 'its batch axis went' },
  { opType: 'DFT', since: 20, reason: 'its axis became an input' },
  { opType: 'GroupNormalization', since: 21, reason: 'its scales became those of channels' },
];
