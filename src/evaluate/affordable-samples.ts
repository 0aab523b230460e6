/**
 * Multiplications that runs for a measurement may take together, where fewer samples make it so: about a minute on two cores,
 * which do 2·10¹⁰ a second in the runtime's plain float kernels. It is no limit on time, so that the same samples are taken
 * on every machine.
 */
export const MOST_MULTIPLICATIONS = 1.5e12;
/** Those of a measurement that nobody asked for: a second or two. */
export const FEW_MULTIPLICATIONS = 3e10;
/** Below this a single odd sample would decide. */
export const LEAST_SAMPLES = 4;

/**
 * Samples that a measurement takes.
 *
 * @param multiplications - for each of them
 * @param most - so many tell enough
 * @param work - multiplications that it may take in all
 */
export const affordableSamples = (
  multiplications: number,
  most: number,
  work = MOST_MULTIPLICATIONS,
): number => Math.max(LEAST_SAMPLES, Math.min(most, Math.floor(work / multiplications)));
