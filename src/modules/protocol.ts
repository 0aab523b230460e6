/** What is asked of the thread that a user's module runs in. */
export type Request =
  | { readonly kind: 'load'; readonly url: string }
  /** Whether it is still as it should be: what went wrong between two requests shows by then, and no timer runs. */
  | { readonly kind: 'rest' }
  /** Begin to iterate; answers with a number for the iteration. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'next'; readonly iteration: number; readonly names: readonly string[] }
  | { readonly kind: 'end'; readonly iteration: number }
  /** Make a metric; answers with a number for it. */
  | { readonly kind: 'make' }
  | { readonly kind: 'add'; readonly metric: number; readonly batch: unknown }
  | { readonly kind: 'result'; readonly metric: number };

/** What went wrong: the module threw, or gave what was not asked for. */
export interface Failure {
  readonly kind: 'threw' | 'not-iterable' | 'once' | 'no-metric' | 'no-record';
  readonly reason: string;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }
  /** The module ends its thread. */
  | { readonly exit: string };

/** A typed array: the name of its constructor, and a buffer of its own. */
export interface PlainData {
  readonly type: string;
  readonly buffer: ArrayBuffer;
}

/** One array of a sample; nothing where there is no typed array. */
export interface PlainPart {
  readonly data: PlainData;
  /** Null where they are no list of numbers. */
  readonly dims: readonly number[] | null | undefined;
  readonly type: string | undefined;
}

/** A sample without anything of the module in it: no getter, no proxy, no class. */
export interface PlainSample {
  readonly parts: readonly (readonly [name: string, part: PlainPart | undefined])[];
  /** What it has instead, for a message. */
  readonly found: string;
}

export type PlainNext = { readonly done: true } | { readonly done: false; readonly sample: PlainSample };

/** One number of a metric. */
export interface PlainMetric {
  readonly name: string;
  readonly float: number | null;
  readonly quantized: number | null;
}
