import type { Evaluation } from '../evaluate/evaluate.js';
import type { SearchLimits } from '../options.js';
import { keepsMeasured } from './limits.js';
import type { SearchRecord } from './record.js';

/** What is stated of the outcome of a search, and on what. */
interface Stated {
  readonly label: string;
  readonly evaluation: Pick<Evaluation, 'outputs' | 'task'>;
  readonly sizeBytes: number;
}

/** The outcome of a search on samples that it did not see, as they were measured for the report. */
export function stateOutcome(
  { label, evaluation, sizeBytes }: Stated,
  limits: SearchLimits,
): SearchRecord['verified'] {
  const { outputs, task } = evaluation;
  const agreement = outputs.find(({ deployed }) => deployed.topOneAgreement !== null)?.deployed
    .topOneAgreement;
  const drop = task ? task.float - task.quantized : agreement == null ? null : 1 - agreement;
  const noises = outputs.flatMap(({ deployed }) => deployed.sqnrDb ?? []);
  const samples = outputs[0]?.deployed.samples ?? 0;
  const quality = { samples, drop, dropError: 0, sqnrDb: noises.length > 0 ? Math.min(...noises) : null };
  const met = keepsMeasured(quality, limits) && sizeBytes <= (limits.maxBytes ?? Number.POSITIVE_INFINITY);
  return { label, sizeBytes, ...quality, met };
}
