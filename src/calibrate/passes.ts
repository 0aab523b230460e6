import { QuantizeError } from '../errors.js';

/** In how many passes over the samples the values are observed, and what that takes. */
export interface PassPlan {
  /** The values of each pass, in their order. */
  readonly passes: readonly (readonly string[])[];
  /** Peak memory of the whole process, in bytes. */
  readonly estimateBytes: number;
}

/** What the process may take. */
export interface MemoryLimit {
  /** What it holds before the first run: the model, the session's copy of it. */
  readonly residentBytes: number;
  readonly limitBytes: number;
  /** Whether the user set the limit: then what cannot be done within it is refused. */
  readonly isFirm: boolean;
}

/**
 * What a run takes beside the values that are kept, measured as peak of the process on a ResNet-50 and a U-Net: buffers of
 * the runtime's kernels and its allocator, of the statistics and of JavaScript.
 */
const WORKSPACE_BYTES = 2 ** 26;

/** Values that live at once inside the runtime, in sizes of the largest: inputs and output of a node, and a shortcut. */
const LIVE_VALUES = 4;

/** Observed values are written where those of the run before were; but those of the first are copied from the runtime's own. */
const KEPT_RUNS = 2;

/**
 * Share the values out to passes in their order, as many to each as fit. Values of size 0 fit everywhere.
 *
 * @param sizes - bytes of each value in one run
 * @throws QuantizeError `memory-limit` where the largest value alone does not fit a firm limit
 */
export function planPasses(sizes: ReadonlyMap<string, number>, limit: MemoryLimit): PassPlan {
  const { residentBytes, limitBytes, isFirm } = limit;
  const largest = Math.max(0, ...sizes.values());
  const fixed = residentBytes + WORKSPACE_BYTES + LIVE_VALUES * largest;
  const least = fixed + KEPT_RUNS * largest;
  if (isFirm && least > limitBytes) {
    const facts = { limit: toMebibytes(limitBytes), least: toMebibytes(least) };
    throw new QuantizeError('memory-limit', facts);
  }
  const room = Math.max(largest, (limitBytes - fixed) / KEPT_RUNS);
  const passes: string[][] = [];
  const taken: number[] = [];
  for (const [value, size] of sizes) {
    const last = passes.length - 1;
    if (last >= 0 && (taken[last] as number) + size <= room) {
      passes[last]?.push(value);
      taken[last] = (taken[last] as number) + size;
    } else {
      passes.push([value]);
      taken.push(size);
    }
  }
  return { passes, estimateBytes: fixed + KEPT_RUNS * Math.max(0, ...taken) };
}

/**
 * How many threads that run the model for themselves the limit has room for, the one that the plan is made for among them.
 *
 * @param ownBytes - what each holds beside the values of a run: a session's copy of the model, its statistics
 */
export function threadsWithin(
  sizes: ReadonlyMap<string, number>,
  { limitBytes }: MemoryLimit,
  { estimateBytes }: PassPlan,
  ownBytes: number,
): number {
  let taken = 0;
  let largest = 0;
  for (const size of sizes.values()) {
    taken += size;
    largest = Math.max(largest, size);
  }
  const each = ownBytes + WORKSPACE_BYTES + LIVE_VALUES * largest + KEPT_RUNS * taken;
  return 1 + Math.max(0, Math.floor((limitBytes - estimateBytes) / each));
}

const toMebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
