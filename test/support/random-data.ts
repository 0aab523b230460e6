import { type Random, seededRandom } from '../../calibration/sampling.js';

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

/** Any float32 at all, its 32 bits at random: every exponent, both zeros, subnormals, infinities and NaNs. */
export function anyFloat(random: Random): number {
  words[0] = Math.floor(random() * 2 ** 32);
  return floats[0] as number;
}

/** A whole number in [low, high]. */
export function anyInteger(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** The elements in another order (Fisher–Yates). */
export function shuffled<T>(list: Iterable<T>, random: Random): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = anyInteger(random, 0, i);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** Runs a property for seeds 1 to `cases`. */
export function forSeeds(cases: number, property: (random: Random, seed: number) => void): void {
  for (let seed = 1; seed <= cases; seed++) property(seededRandom(seed), seed);
}

/** The code of the error that `work` throws; undefined where it throws none. */
export async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    return (thrown as { code?: unknown }).code ?? thrown;
  }
}
