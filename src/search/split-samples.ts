import { splitSource } from '../../calibration/held-out.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Samples } from '../calibrate/samples.js';

/** The samples of a search, and those that it does not see. */
export interface SearchSplit {
  /** What attempts are verified on. */
  readonly search: { readonly source: SampleSource; readonly labels: readonly number[] | undefined };
  /** What the outcome is stated on. */
  readonly final: Samples;
  /** Whether the two have no sample in common. */
  readonly isApart: boolean;
}

/** The samples that sensitivity is measured on: those of the calibration where there are some. */
export const sensitivitySource = ({ calibration }: Samples, { search }: SearchSplit): SampleSource =>
  calibration ?? search.source;

/**
 * Samples that the search takes at most: where one in a hundred changes sides, the drop of accuracy is known to
 * √(0.01 / 2,500) = 0.2 points.
 */
const MOST_SAMPLES = 2500;

/**
 * Where labels are given, or there are evaluation samples alone, every second run's samples of the evaluation are for the
 * search and the others for the statement; of many, fewer are for the search. Where there are evaluation samples without
 * labels, the search takes the calibration samples and leaves them alone. Where there are calibration samples only,
 * every second run's are for the search.
 */
export async function splitForSearch(samples: Samples): Promise<SearchSplit> {
  const { calibration, evaluation, labels, kind } = samples;
  if (kind === 'evaluation' && calibration && !labels)
    return { search: { source: calibration, labels: undefined }, final: samples, isApart: true };
  const oneIn = Math.max(2, Math.ceil(evaluation.length / MOST_SAMPLES));
  const { kept, heldOut, isHeldOut } = await splitSource(evaluation, oneIn);
  if (kept === heldOut) return { search: { source: evaluation, labels }, final: samples, isApart: false };
  const label = `${evaluation.label}, those that the search did not see`;
  return {
    search: { source: heldOut, labels: labels?.filter((_, sample) => isHeldOut(sample)) },
    final: {
      ...samples,
      evaluation: { ...kept, label },
      labels: labels?.filter((_, sample) => !isHeldOut(sample)),
    },
    isApart: true,
  };
}
