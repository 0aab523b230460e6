import { preprocessOf } from '../../calibration/given-preprocess.js';
import { type Preprocess, presets } from '../../calibration/preprocess.js';

/** A preprocessing as a configuration says it. */
export type ConfigPreprocess = string | { readonly scale: string };

/** A preprocessing that a model may have been trained with. */
export interface Candidate {
  /** What a configuration says of it; undefined where samples are taken as they are. */
  readonly config: ConfigPreprocess | undefined;
  /** What a person is told. */
  readonly name: string;
  readonly preprocess: Preprocess | undefined;
}

/** Integers up to here are no 8-bit pictures: digits of 16 grey levels, masks, counts. */
const FEW_LEVELS = 127;

/** The presets, the more usual first: what stands where nothing decides. */
const USUAL = ['unit', 'tf', 'imagenet', 'none', 'caffe'];

/** Samples as they are. */
export const asTheyAre: Candidate = { config: undefined, name: 'as they are', preprocess: undefined };

/** Integers as floats. */
export const rawValues: Candidate = {
  ...asTheyAre,
  preprocess: preprocessOf('none'),
};

/**
 * The preprocessings that are tried: every preset, and values from 0 to 1 by the largest one seen where that is none of a
 * picture.
 *
 * @param largest - the largest value of the samples
 */
export function candidatesFor(largest: number): Candidate[] {
  const order = Object.entries(presets).toSorted(([a], [b]) => USUAL.indexOf(a) - USUAL.indexOf(b));
  const named = order.map(([name, { summary }]) => ({
    ...{ config: name, name: `${name}: ${summary}`, preprocess: preprocessOf(name) },
  }));
  if (!Number.isInteger(largest) || largest < 2 || largest > FEW_LEVELS) return named;
  const scale = `1/${largest}`;
  const byLargest = {
    config: { scale },
    name: `scale ${scale}: 0 to 1 by the largest value`,
    preprocess: preprocessOf({ scale }),
  };
  return [byLargest, ...named];
}
