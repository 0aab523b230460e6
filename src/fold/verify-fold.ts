import type { Batch, SampleSource } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Session } from '../runtime/session.js';

/** Samples that the folded model is compared on. */
const SAMPLES = 4;

/** Largest difference, relative to the largest magnitude of the output: float32 sums in another order reach 1e-5. */
const TOLERANCE = 1e-4;

/** What the original gave: its session is not needed any more then, and two sessions are never loaded at once. */
export interface FoldReference {
  readonly runs: readonly { readonly batch: Batch; readonly outputs: ReadonlyMap<string, NdArray> }[];
}

/** Run the original on the samples that the folded model will be compared on. */
export async function referenceOf(original: Session, source: SampleSource): Promise<FoldReference> {
  const runs: { batch: Batch; outputs: Map<string, NdArray> }[] = [];
  let done = 0;
  for await (const batch of source.open()) {
    runs.push({ batch, outputs: await original.run(batch.feed) });
    done += batch.samples;
    if (done >= SAMPLES) break;
  }
  return { runs };
}

/**
 * Run the folded model on the same samples, and refuse to go on where its outputs differ from the original's: floats by
 * more than rounding, integers and booleans at all.
 *
 * @throws QuantizeError `fold-changed-output`
 */
export async function verifyFold(
  { runs }: FoldReference,
  folded: Model,
  threads: number | undefined,
): Promise<void> {
  await withModel(folded, { mode: 'basic', threads, label: 'the folded model' }, async (session) => {
    for (const { batch, outputs } of runs) {
      const after = await session.run(batch.feed);
      for (const [output, array] of outputs) {
        const other = after.get(output);
        if (!other) throw new Error(`the folded model has lost the output ${output}`);
        const { difference, limit } = largestDifference(array, other);
        if (!(difference <= limit))
          throw new QuantizeError('fold-changed-output', { output, difference, limit });
      }
    }
  });
}

function largestDifference(before: NdArray, after: NdArray) {
  const isFloat = before.type.startsWith('float');
  // int64 as it is: as a number two neighbours above 2^53 are one.
  if (!isFloat && sameElements(before.data, after.data)) return { difference: 0, limit: 0 };
  const [a, b] = [numbersOf(before), numbersOf(after)];
  let difference = a.length === b.length ? 0 : Number.NaN;
  let magnitude = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (Number.isFinite(x)) magnitude = Math.max(magnitude, Math.abs(x));
    // NaN in one of the two makes the difference NaN, which passes no limit.
    if (!Object.is(x, y)) difference = Math.max(difference, Math.abs(x - y));
  }
  // Integers that differ may be one as numbers: at least 1 apart.
  return isFloat
    ? { difference, limit: TOLERANCE * magnitude }
    : { difference: Math.max(difference, 1), limit: 0 };
}

function sameElements(a: NdArray['data'], b: NdArray['data']): boolean {
  return a.length === b.length && a.every((value: number | bigint, i: number) => value === b[i]);
}
