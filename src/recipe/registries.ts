import type { Observer } from '../../calibration/observers/observer.js';
import type { RangeSource } from '../../calibration/range-sources/range-source.js';

/** The registries that a recipe names entries of. */
export interface Registries {
  readonly schemes: readonly NamedScheme[];
  readonly actSchemes: readonly Named[];
  readonly rangeSources: readonly NamedRangeSource[];
  readonly refiners: readonly NamedRefiner[];
  readonly targets: readonly NamedTarget[];
}

/** A runtime that files are for, as far as a recipe depends on it. */
export interface NamedTarget extends Named {
  readonly form: {
    readonly weights: 'packed' | 'plain';
    readonly activations: 'uint8' | 'symmetric-int8';
  };
}

export interface Named {
  readonly name: string;
}

/** The least and the most of a range of widths, in bits. */
export interface Widths {
  readonly least: number;
  readonly most: number;
}

/** A weight scheme, as far as a recipe names it. */
export interface NamedScheme extends Named {
  readonly widths: Widths;
}

/** What a refiner can be told, a number or one of some names: `name:key=value`. */
export type RefinerSetting = NumberSetting | ChoiceSetting;

interface NumberSetting {
  readonly key: string;
  readonly summary: string;
  readonly usual: number;
  readonly least: number;
  readonly most: number;
}

interface ChoiceSetting {
  readonly key: string;
  readonly summary: string;
  readonly usual: string;
  readonly choices: readonly string[];
}

/** Where ranges come from, as far as a recipe names it. */
export interface NamedRangeSource extends Named, Pick<RangeSource, 'from'> {
  readonly observer: Pick<Observer, 'offsetFit'>;
}

/** A refiner, as far as a recipe names it. */
export interface NamedRefiner extends Named {
  readonly settings: readonly RefinerSetting[];
}
