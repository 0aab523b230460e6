import type { Batch, SampleSource } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { isRandomGraph } from '../graph/random-operators.js';
import { floatsOf, isFloatTensor } from '../graph/tensor.js';
import { withModel } from '../load/with-model.js';
import { isAllFinite } from '../numerics/finite.js';
import { type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Session } from '../runtime/session.js';

/** Samples that the folded model is compared on. */
const SAMPLES = 4;

/** Largest difference, relative to the largest magnitude of the output: float32 sums in another order reach 1e-5. */
const TOLERANCE = 1e-4;

/** Near the end of float32 another order of additions overflows, or does not. */
const NEAR_OVERFLOW = 1e30;

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
 * @throws QuantizeError `fold-changed-output`; `constant-not-finite` where a constant may be why
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
        // What is random differs from itself.
        if (difference <= limit || isRandomGraph(folded.graph)) continue;
        const constant = constantThatIsNotFinite(folded);
        if (constant !== undefined) throw new QuantizeError('constant-not-finite', { output, constant });
        throw new QuantizeError('fold-changed-output', { output, difference, limit });
      }
    }
  });
}

/** The name of a float constant with NaN or an infinity: what comes of those depends on the order of additions. */
function constantThatIsNotFinite({ graph }: Model): string | undefined {
  for (const [name, tensor] of graph.initializers)
    if (isFloatTensor(tensor) && !isAllFinite(floatsOf(tensor))) return name;
  return undefined;
}

function largestDifference(before: NdArray, after: NdArray) {
  const isFloat = before.type.startsWith('float');
  // int64 as it is: as a number two neighbours above 2^53 are one.
  if (!isFloat && sameElements(before.data, after.data)) return { difference: 0, limit: 0 };
  const [a, b] = [numbersOf(before), numbersOf(after)];
  let magnitude = 0;
  let isNearOverflow = false;
  for (let i = 0; i < a.length; i++) {
    const size = Math.abs(Number(a[i]));
    if (size > NEAR_OVERFLOW) isNearOverflow = true;
    if (Number.isFinite(size)) magnitude = Math.max(magnitude, size);
  }
  let difference = a.length === b.length ? 0 : Number.NaN;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])];
    if (Object.is(x, y) || (isNearOverflow && !Number.isFinite(x - y))) continue;
    // NaN in one of the two makes the difference NaN, which passes no limit.
    difference = Math.max(difference, Math.abs(x - y));
  }
  // Integers that differ may be one as numbers: at least 1 apart.
  return isFloat
    ? { difference, limit: TOLERANCE * magnitude }
    : { difference: Math.max(difference, 1), limit: 0 };
}

function sameElements(a: NdArray['data'], b: NdArray['data']): boolean {
  return a.length === b.length && a.every((value: number | bigint, i: number) => value === b[i]);
}
