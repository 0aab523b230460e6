import { KERNEL } from './bit-counter-kernel.js';

/** Bins: the upper 16 bits of a float32. */
const BINS = 2 ** 16;
const HALF = BINS / 2;
/** Of the bins of either sign, the first one that holds infinities and NaNs. */
const NON_FINITE = 0x7f80;

/** Elements that are copied and counted at a time: 64 KiB, so that they stay in the second-level cache. */
const CHUNK = 2 ** 14;

/** Where things stand in the kernel's memory, in bytes: bit-counter.wat says what they are. */
const LEAST_AT = 0x100000;
const GREATEST_AT = 0x100010;
const CHUNK_AT = 0x100020;
const FILLED_AT = 0x110020;
/** Elements that it counts at a time. */
const LANES = 4;

/** What Node.js has, and its types do not tell of. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  count(end: number, end4: number): void;
  drain(at: number, end: number, to: number): number;
}

function instantiate(): Exports {
  const module = new WebAssembly.Module(Buffer.from(KERNEL, 'base64'));
  return new WebAssembly.Instance(module).exports as Exports;
}

/** What is in one array, beside its counts. */
export interface BitCount {
  /** The smallest finite element; +Infinity where there is none. */
  readonly min: number;
  /** The largest finite element; −Infinity where there is none. */
  readonly max: number;
  /** Elements that are NaN or ±Infinity. */
  readonly nonFinite: number;
}

/**
 * Up to this many elements a plain loop (3 ns each) is done before the kernel has looked for filled bins (25 µs, however
 * few elements there are).
 */
const SMALL = 8192;

let kernel: BitCounter | undefined;

/**
 * Count float32 elements by their upper 16 bits; those that are not finite are in no bin and in no range.
 *
 * @param counts - 65,536 of them, which the elements are added to
 */
export function countBits(values: Float32Array, counts: Float64Array): BitCount {
  if (values.length <= SMALL) return countInLoop(values, counts);
  kernel ??= new BitCounter();
  return kernel.count(values, counts);
}

/** The same as {@link countBits}, in plain JavaScript. */
export function countInLoop(values: Float32Array, counts: Float64Array): BitCount {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let nonFinite = 0;
  for (let i = 0; i < bits.length; i++) {
    const bin = (bits[i] as number) >>> 16;
    if ((bin & (HALF - 1)) >= NON_FINITE) {
      nonFinite++;
      continue;
    }
    const value = values[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { min, max, nonFinite };
}

/**
 * The same by a WebAssembly kernel, which counts and finds the ends in one pass over a copy that stays in the cache:
 * 0.6 ns an element where the loop takes 3 and, after a ReLU, 10.
 */
export class BitCounter {
  readonly #kernel = instantiate();
  readonly #chunk = new Float32Array(this.#kernel.memory.buffer, CHUNK_AT, CHUNK);
  readonly #least = new Float32Array(this.#kernel.memory.buffer, LEAST_AT, 4);
  readonly #greatest = new Float32Array(this.#kernel.memory.buffer, GREATEST_AT, 4);
  readonly #filled = new Uint32Array(this.#kernel.memory.buffer, FILLED_AT, 2 * BINS);

  count(values: Float32Array, counts: Float64Array): BitCount {
    this.#least.fill(Number.POSITIVE_INFINITY);
    this.#greatest.fill(Number.NEGATIVE_INFINITY);
    for (let start = 0; start < values.length; start += CHUNK) {
      const part = values.subarray(start, start + CHUNK);
      this.#chunk.set(part);
      this.#kernel.count(CHUNK_AT + 4 * part.length, CHUNK_AT + 4 * (part.length - (part.length % LANES)));
    }
    // The kernel passes over NaNs, not over infinities.
    const [min, max] = [Math.min(...this.#least), Math.max(...this.#greatest)];
    // Only bins up to those of the outermost elements are filled; zeros have one of each sign.
    this.#drain(0, Math.min(binOf(Math.max(max, 0)), NON_FINITE - 1), counts);
    this.#drain(HALF, Math.min(binOf(Math.min(min, -0)), HALF + NON_FINITE - 1), counts);
    const nonFinite = this.#drain(NON_FINITE, HALF - 1) + this.#drain(HALF + NON_FINITE, BINS - 1);
    return nonFinite === 0 ? { min, max, nonFinite } : { ...finiteRange(values), nonFinite };
  }

  /** Empty the bins from `first` to `last` into `counts`; gives the sum of what was in them. */
  #drain(first: number, last: number, counts?: Float64Array): number {
    const filled = this.#filled;
    // In steps of four bins, as which every range begins; up to three bins behind the last one are empty.
    const end = this.#kernel.drain(4 * first, 4 * (last + 1), FILLED_AT);
    let sum = 0;
    for (let i = 0; i < (end - FILLED_AT) / 4; i += 2) {
      const bin = (filled[i] as number) / 4;
      const count = filled[i + 1] as number;
      if (counts) counts[bin] = (counts[bin] as number) + count;
      sum += count;
    }
    return sum;
  }
}

function finiteRange(values: Float32Array): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function binOf(value: number): number {
  float[0] = value;
  return (word[0] as number) >>> 16;
}
