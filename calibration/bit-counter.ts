import { assemble, type Code, wasm } from './wasm-assembler.js';

/** Bins: the upper 16 bits of a float32. */
const BINS = 2 ** 16;
const HALF = BINS / 2;
/** Of the bins of either sign, the first one that holds infinities and NaNs. */
const NON_FINITE = 0x7f80;

/** Elements that are copied and counted at a time: 64 KiB, so that they stay in the second-level cache. */
const CHUNK = 2 ** 14;

/**
 * Where things stand in the kernel's memory, in bytes. Neighbouring elements count in different tables: after a ReLU half
 * of them are zeros, and each count of the same bin would have to wait for the one before it.
 */
const TABLES = 4;
const TABLE_BYTES = 4 * BINS;
const LEAST_AT = TABLES * TABLE_BYTES;
const GREATEST_AT = LEAST_AT + 16;
const CHUNK_AT = LEAST_AT + 32;
/** Place and count of each bin that is not empty. */
const FILLED_AT = CHUNK_AT + 4 * CHUNK;
const MEMORY_BYTES = FILLED_AT + 8 * BINS;
const PAGE_BYTES = 2 ** 16;

const join = (count: number, part: (index: number) => Code): Code =>
  Array.from({ length: count }, (_, index) => part(index)).flat();

/** count(end, end4): the elements from the chunk's start up to `end`, those before `end4` in fours. */
function countBody(): Code {
  const [end, end4, at, least, greatest, bin] = [0, 1, 2, 3, 4, 5] as const;
  const { get, set, tee, constant } = wasm;
  const keepEnds = (load: Code): Code => [
    ...[...get(least), ...get(at), ...load, ...wasm.lesser, ...set(least)],
    ...[...get(greatest), ...get(at), ...load, ...wasm.greater, ...set(greatest)],
  ];
  // The upper half of a little-endian float stands two bytes behind its start.
  const countElement = (lane: number): Code => [
    ...[...get(at), ...wasm.loadHalf(4 * lane + 2), ...constant(2), ...wasm.shiftLeft, ...tee(bin)],
    ...[...get(bin), ...wasm.load(lane * TABLE_BYTES), ...constant(1), ...wasm.add],
    ...wasm.store(lane * TABLE_BYTES),
  ];
  const loop = (limit: number, elements: number, load: Code): Code =>
    wasm.whileTrue(
      [...get(at), ...get(limit), ...wasm.isBelow],
      [
        ...keepEnds(load),
        ...join(elements, countElement),
        ...[...get(at), ...constant(4 * elements), ...wasm.add, ...set(at)],
      ],
    );
  return [
    ...[...constant(CHUNK_AT), ...set(at)],
    ...[...constant(LEAST_AT), ...wasm.loadVector(0), ...set(least)],
    ...[...constant(GREATEST_AT), ...wasm.loadVector(0), ...set(greatest)],
    ...loop(end4, TABLES, wasm.loadVector(0)),
    ...loop(end, 1, wasm.loadSplat(0)),
    ...[...constant(LEAST_AT), ...get(least), ...wasm.storeVector(0)],
    ...[...constant(GREATEST_AT), ...get(greatest), ...wasm.storeVector(0)],
  ];
}

/** drain(bin, end, to): write (bin, count) of the bins that are not empty from `to` on, and empty them; gives the end. */
function drainBody(): Code {
  const [at, end, to, sum] = [0, 1, 2, 3] as const;
  const { get, set, tee, constant } = wasm;
  const write = (lane: number): Code => [
    ...[...get(to), ...get(at), ...constant(4 * lane), ...wasm.add, ...wasm.store(0)],
    ...[...get(to), ...get(sum), ...wasm.lane(lane), ...wasm.store(4)],
    // The next one stands over it where the bin is empty.
    ...[...get(to), ...get(sum), ...wasm.lane(lane), ...wasm.isNotZero, ...constant(3), ...wasm.shiftLeft],
    ...[...wasm.add, ...set(to)],
  ];
  return [
    ...wasm.whileTrue(
      [...get(at), ...get(end), ...wasm.isBelow],
      [
        ...[...get(at), ...wasm.loadVector(0)],
        ...join(TABLES - 1, (table) => [
          ...[...get(at), ...wasm.loadVector((table + 1) * TABLE_BYTES), ...wasm.addVectors],
        ]),
        ...[...tee(sum), ...wasm.isAnySet],
        ...wasm.when([
          ...join(TABLES, (table) => [
            ...[...get(at), ...wasm.zeroVector, ...wasm.storeVector(table * TABLE_BYTES)],
          ]),
          ...join(4, write),
        ]),
        ...[...get(at), ...constant(16), ...wasm.add, ...set(at)],
      ],
    ),
    ...get(to),
  ];
}

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
  const bytes = assemble(
    [
      {
        name: 'count',
        parameters: ['i32', 'i32'],
        results: [],
        variables: ['i32', 'v128', 'v128', 'i32'],
        body: countBody(),
      },
      {
        name: 'drain',
        parameters: ['i32', 'i32', 'i32'],
        results: ['i32'],
        variables: ['v128'],
        body: drainBody(),
      },
    ],
    Math.ceil(MEMORY_BYTES / PAGE_BYTES),
  );
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Exports;
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
      this.#kernel.count(CHUNK_AT + 4 * part.length, CHUNK_AT + 4 * (part.length - (part.length % TABLES)));
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
