import type { Preprocess } from '../../calibration/preprocess.js';
import type { Batch, BatchRows, SampleSource } from '../../calibration/source.js';
import { QuantizeError, reasonOf } from '../errors.js';
import type { Request } from '../modules/protocol.js';
import { ModuleFailure, UserModule } from '../modules/user-module.js';
import { type ArrayData, type ArrayType, type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { TaskPicture } from './tasks/picture.js';

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

/** What is told every run of a comparison, and gives numbers at its end. */
export interface Meter {
  add(
    outputs: Readonly<Record<'float' | 'quantized', ReadonlyMap<string, NdArray>>>,
    labels: readonly number[] | undefined,
    batch: Batch,
    index: number,
  ): Promise<void>;
  result(): Promise<UserMetric[]>;
  /** Samples to look at, for a page. */
  pictures?(source: SampleSource, preprocess: Preprocess | undefined): Promise<TaskPicture[]>;
}

/** A loaded module, ready for one comparison. */
export class UserMeter implements Meter {
  readonly #module: UserModule;
  readonly #metric: number;

  /** @param metric - its number in the module's thread */
  constructor(module: UserModule, metric: number) {
    this.#module = module;
    this.#metric = metric;
  }

  /** @throws QuantizeError `metric-failed` where the module throws */
  async add(
    outputs: Readonly<Record<'float' | 'quantized', ReadonlyMap<string, NdArray>>>,
    labels: readonly number[] | undefined,
    batch: BatchRows,
    index: number,
  ): Promise<void> {
    const given = metricBatch(outputs, labels, batch, index);
    const request = { kind: 'add', metric: this.#metric, batch: given } as const;
    await ask(this.#module, `add of the samples from ${index}`, request);
  }

  /** @throws QuantizeError `metric-failed` where the module throws, `metric-result` where it gives no record */
  async result(): Promise<UserMetric[]> {
    const given = await ask(this.#module, 'result', { kind: 'result', metric: this.#metric });
    return given as UserMetric[];
  }
}

/**
 * Load a metric module.
 *
 * @throws QuantizeError `file-missing` where there is none, `metric-failed` where it cannot be loaded,
 *   `metric-contract` where it has no `add` and `result`
 */
export async function loadModule(path: string): Promise<() => Promise<UserMeter>> {
  const module = await UserModule.load(path).catch((thrown: unknown) => {
    throw errorOf(path, 'loading', thrown);
  });
  const make = async () => {
    const metric = await ask(module, 'its default export', { kind: 'make' });
    return new UserMeter(module, metric as number);
  };
  // A module that does not keep the contract is refused before the models run.
  await make();
  return make;
}

async function ask(module: UserModule, step: string, request: Request): Promise<unknown> {
  try {
    return await module.ask(request);
  } catch (thrown) {
    throw errorOf(module.path, step, thrown);
  }
}

function errorOf(path: string, step: string, thrown: unknown): unknown {
  if (!(thrown instanceof ModuleFailure)) return thrown;
  const reason = reasonOf(thrown);
  switch (thrown.kind) {
    case 'no-metric':
      return new QuantizeError('metric-contract', { path, found: reason });
    case 'no-record':
      return new QuantizeError('metric-result', { path, found: reason });
    default:
      return new QuantizeError('metric-failed', { path, step, reason }, { cause: thrown });
  }
}

/** One run of both models, as metrics get it. */
export const metricBatch = (
  outputs: Parameters<Meter['add']>[0],
  labels: readonly number[] | undefined,
  batch: BatchRows,
  index: number,
): MetricBatch => ({
  outputs: { float: arraysOf(outputs.float, batch), quantized: arraysOf(outputs.quantized, batch) },
  labels: labels?.slice(index, index + batch.samples) ?? null,
  index,
  samples: batch.samples,
});

/** Outputs of a run as metrics get them. */
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
          // A part of a buffer would be sent with the whole of it.
          data: isHalf ? (numbersOf({ type, data: rows }) as Float32Array) : isFilled ? rows.slice() : rows,
        },
      ];
    }),
  );
}
