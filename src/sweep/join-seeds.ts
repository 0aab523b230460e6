import { agreementOf, type SweepResult, sqnrOf } from './record.js';

/** Mean and standard deviation of the same combination by several seeds, in place of the first. */
export function joinSeeds(
  runs: readonly (readonly SweepResult[])[],
  seeds: readonly number[],
): SweepResult[] {
  const [first = []] = runs;
  return first.map((own, at) => {
    const all = runs.map((results) => results[at] as SweepResult);
    const top = all.map(({ task }) => task?.quantized);
    const agreement = all.map(agreementOf);
    const sqnr = all.map(sqnrOf);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    /** Of a sample, so that two seeds have one, too. */
    const deviation = (values: readonly (number | undefined)[]) => {
      if (!values.every((value) => value !== undefined && Number.isFinite(value))) return null;
      const known = values as readonly number[];
      const centre = mean(known);
      return Math.sqrt(known.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (known.length - 1));
    };
    const [topMean, agreementMean, sqnrMean] = [top, agreement, sqnr].map((values) =>
      values.every((value) => value !== undefined) ? mean(values as number[]) : undefined,
    );
    return {
      ...own,
      sets: undefined,
      sizeBytes: Math.round(mean(all.map(({ sizeBytes }) => sizeBytes))),
      outputs: own.outputs.map((output) => ({
        ...output,
        sqnrDb: sqnrMean !== undefined && Number.isFinite(sqnrMean) ? sqnrMean : null,
        topOneAgreement: output.topOneAgreement === null ? null : (agreementMean ?? null),
      })),
      task: own.task && { ...own.task, quantized: topMean ?? own.task.quantized },
      spread: { seeds, topOne: deviation(top), agreement: deviation(agreement), sqnrDb: deviation(sqnr) },
    };
  });
}
