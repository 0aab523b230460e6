import type { SampleSource } from '../../calibration/source.js';
import type { Samples } from '../calibrate/samples.js';
import type { OutputDrift } from '../evaluate/compare-outputs.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import type { SetRecord } from './result.js';
import { chanceWarnings, fewSamplesWarning } from './trust-warnings.js';

/**
 * What was measured on each set of samples, the main one first; nothing where there is one alone.
 *
 * @param named - gives an output the names that it has in a record
 */
export function setRecords(
  { evaluation, setName: name = 'eval-data' }: Samples,
  { outputs, task, metrics, otherSets }: Evaluation,
  named = (output: OutputDrift) => output,
): SetRecord[] {
  if (otherSets.length === 0) return [];
  const all = [{ name, source: evaluation, outputs, task, metrics }, ...otherSets];
  return all.map((set) => ({
    name: set.name,
    ...dataOf(set.source),
    outputs: set.outputs.map(named),
    task: set.task ?? null,
    metrics: set.metrics,
  }));
}

const dataOf = ({ label, length, preprocess }: SampleSource) => ({ label, samples: length, preprocess });

/** What a user should know of the sets that stand beside the main one, each with its name. */
export function setWarnings({ otherSets = [] }: Samples, evaluation: Evaluation): string[] {
  return otherSets.flatMap(({ name, source }) => {
    const measured = evaluation.otherSets.find((set) => set.name === name);
    const found = [
      ...(source.warnings ?? []),
      ...fewSamplesWarning('evaluation', source.length),
      ...chanceWarnings(measured?.task),
    ];
    return found.map((text) => `Set ${name}: ${text}`);
  });
}
