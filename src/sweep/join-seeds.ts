import { agreementOf, type SweepResult, type SweptSet, sqnrOf } from './record.js';
import { worstSwept } from './sets.js';

/** What both a result and one of its sets of samples have. */
type Measured = Pick<SweptSet, 'outputs' | 'task' | 'spread'>;

/**
 * Mean and standard deviation of the same combination by several seeds, in place of the first: of each set of samples by
 * itself where there are several, and the set that is worst in the mean is the one that it is judged by.
 */
export function joinSeeds(
  runs: readonly (readonly SweepResult[])[],
  seeds: readonly number[],
): SweepResult[] {
  const [first = []] = runs;
  return first.map((own, at) => {
    const all = runs.map((results) => results[at] as SweepResult);
    const sets = own.sets?.map(({ name }, i) => ({
      name,
      ...joinMeasured(
        all.map((result) => result.sets?.[i] as SweptSet),
        seeds,
      ),
    }));
    const { outputs, task, spread } = sets ? worstSwept(sets) : joinMeasured(all, seeds);
    const sizeBytes = Math.round(mean(all.map((result) => result.sizeBytes)));
    return { ...own, sizeBytes, outputs, task, spread, ...(sets && { sets }) };
  });
}

/** The deviations are those of the accuracy, the agreement and the SQNR that a table shows: the latter of the output that is worst in the mean. */
function joinMeasured(all: readonly Measured[], seeds: readonly number[]): Measured {
  const [own] = all;
  if (!own) throw new Error('nothing was measured');
  const byOutput = own.outputs.map((output, i) => ({
    output,
    sqnrs: all.map(({ outputs }) => outputs[i]?.sqnrDb ?? Number.POSITIVE_INFINITY),
    agreements: all.map(({ outputs }) => outputs[i]?.topOneAgreement ?? null),
  }));
  const tops = all.map(({ task }) => task?.quantized);
  const outputs = byOutput.map(({ output, sqnrs, agreements }) => ({
    ...output,
    sqnrDb: known(sqnrs) ? mean(sqnrs) : null,
    topOneAgreement: known(agreements) ? mean(agreements) : null,
  }));
  const worst = byOutput.find(
    (_, i) => (outputs[i]?.sqnrDb ?? Number.POSITIVE_INFINITY) === sqnrOf({ outputs }),
  );
  const ranked = byOutput.find((_, i) => outputs[i]?.topOneAgreement === agreementOf({ outputs }));
  return {
    outputs,
    task: own.task && known(tops) ? { ...own.task, quantized: mean(tops) } : own.task,
    spread: {
      seeds,
      topOne: deviation(tops),
      agreement: deviation(ranked?.agreements ?? []),
      sqnrDb: deviation(worst?.sqnrs ?? []),
    },
  };
}

const known = (values: readonly (number | null | undefined)[]): values is readonly number[] =>
  values.length > 0 && values.every((value) => typeof value === 'number' && Number.isFinite(value));

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample, so that two seeds have one, too; null where a value is missing or not finite. */
function deviation(values: readonly (number | null | undefined)[]): number | null {
  if (!known(values)) return null;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
