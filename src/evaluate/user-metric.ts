import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BatchRows } from '../../calibration/source.js';
import { QuantizeError, reasonOf } from '../errors.js';
import { type ArrayData, type ArrayType, type NdArray, numbersOf } from '../numerics/nd-array.js';
import { isRecord } from '../validate/is-record.js';

/** One number of a user's metric module. */
export interface UserMetric {
  readonly name: string;
  /** Null where the module gave no finite number for it: a gate on it then fails. */
  readonly float: number | null;
  readonly quantized: number | null;
}

/** One output of one run, as a metric module gets it: row-major, float16 as a Float32Array. */
export interface MetricArray {
  readonly type: ArrayType;
  readonly dims: readonly number[];
  readonly data: ArrayData;
}

/** What a metric module gets of one run of both models. */
export interface MetricBatch {
  /** By the float model's output names. Copies that only fill a batch up are cut off. */
  readonly outputs: {
    readonly float: Readonly<Record<string, MetricArray>>;
    readonly quantized: Readonly<Record<string, MetricArray>>;
  };
  /** The class of each sample of the run; null without --labels. */
  readonly labels: readonly number[] | null;
  /** Place of the run's first sample among all, from 0. */
  readonly index: number;
  /** Samples in this run. */
  readonly samples: number;
}

/**
 * A metric of the user's own: the default export of a module, or what the function that it exports returns. The function
 * is called anew for each comparison.
 */
export interface MetricModule {
  /** Called once for each run of the models, in order. */
  add(batch: MetricBatch): unknown;
  /**
   * Called once, at the end: a record of name → `{ float, quantized }`, or → one number that judges the quantized model
   * (it is kept as `quantized`).
   */
  result(): unknown;
}

/** A loaded module, ready for one comparison. */
export class UserMeter {
  readonly #path: string;
  readonly #module: MetricModule;

  constructor(path: string, module: MetricModule) {
    this.#path = path;
    this.#module = module;
  }

  /** @throws QuantizeError `metric-failed` where the module throws */
  async add(
    outputs: Readonly<Record<'float' | 'quantized', ReadonlyMap<string, NdArray>>>,
    labels: readonly number[] | undefined,
    batch: BatchRows,
    index: number,
  ): Promise<void> {
    const { samples } = batch;
    const given: MetricBatch = {
      outputs: { float: arraysOf(outputs.float, batch), quantized: arraysOf(outputs.quantized, batch) },
      labels: labels?.slice(index, index + samples) ?? null,
      index,
      samples,
    };
    await guarded(this.#path, `add of the samples from ${index}`, () => this.#module.add(given));
  }

  /** @throws QuantizeError `metric-failed` where the module throws, `metric-result` where it gives no record */
  async result(): Promise<UserMetric[]> {
    const path = this.#path;
    const given = await guarded(path, 'result', () => this.#module.result());
    if (!isRecord(given)) throw new QuantizeError('metric-result', { path, found: describe(given) });
    return Object.entries(given).map(([name, value]) => {
      if (!isRecord(value)) return { name, float: null, quantized: finite(value) };
      return { name, float: finite(value.float), quantized: finite(value.quantized) };
    });
  }
}

/**
 * Load a metric module.
 *
 * @throws QuantizeError `file-missing` where there is none, `metric-failed` where it cannot be loaded,
 *   `metric-contract` where it has no `add` and `result`
 */
export async function loadMetric(path: string): Promise<() => Promise<UserMeter>> {
  // What the module itself fails to find is its own error.
  await access(path).catch((cause) => {
    throw new QuantizeError('file-missing', { path }, { cause });
  });
  const { default: exported } = await guarded(
    path,
    'loading',
    async () => (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown },
  );
  const make = async () => {
    const made: unknown =
      typeof exported === 'function' ? await guarded(path, 'its default export', () => exported()) : exported;
    if (!isMetric(made)) throw new QuantizeError('metric-contract', { path, found: describe(made) });
    return new UserMeter(path, made);
  };
  // A module that does not keep the contract is refused before the models run.
  await make();
  return make;
}

async function guarded<T>(path: string, step: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw new QuantizeError('metric-failed', { path, step, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

const isMetric = (value: unknown): value is MetricModule =>
  isRecord(value) && typeof value.add === 'function' && typeof value.result === 'function';

const finite = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

const describe = (value: unknown): string =>
  isRecord(value)
    ? `an object with ${Object.keys(value).join(', ') || 'nothing in it'}`
    : Array.isArray(value)
      ? 'an array'
      : String(value);

function arraysOf(
  outputs: ReadonlyMap<string, NdArray>,
  { size, samples }: BatchRows,
): Record<string, MetricArray> {
  return Object.fromEntries(
    [...outputs].map(([name, array]) => {
      const { type, data, dims } = array;
      const isFilled = dims[0] === size && samples < size;
      const rows = isFilled ? data.subarray(0, (data.length / size) * samples) : data;
      const isHalf = type === 'float16';
      return [
        name,
        {
          type: isHalf ? 'float32' : type,
          dims: isFilled ? [samples, ...dims.slice(1)] : dims,
          data: isHalf ? (numbersOf({ type, data: rows }) as Float32Array) : rows,
        },
      ];
    }),
  );
}
