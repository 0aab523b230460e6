import type { NamedSamples, Samples } from '../calibrate/samples.js';
import type { SweptSet } from './record.js';

/** The sets that combinations are measured on, the main one first; one without a name where there is no other. */
export const setsOf = ({ evaluation: source, labels, setName, otherSets = [] }: Samples): NamedSamples[] => [
  { name: setName ?? '', source, labels },
  ...otherSets,
];

/** The set that a combination is worst on, which it is judged by: by the top-1 that is lost where all have labels, else the SQNR. */
export function worstSwept(sets: readonly SweptSet[]): SweptSet {
  const isGraded = sets.every(({ task }) => task !== null);
  const lossOf = ({ task, outputs }: SweptSet): number =>
    isGraded && task
      ? task.float - task.quantized
      : -Math.min(...outputs.map(({ sqnrDb }) => sqnrDb ?? Number.POSITIVE_INFINITY));
  return sets.reduce((worst, set) => (lossOf(set) > lossOf(worst) ? set : worst));
}
