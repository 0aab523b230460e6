/** A seeded generator of numbers in [0, 1). */
export type Random = () => number;

/**
 * mulberry32: a 32-bit counter through a mixing function; fast, and good enough to choose samples and fill inputs.
 * Not for cryptography.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Which of `total` samples serve, in file order: all of them, or `wanted` chosen by the seed without repetition.
 *
 * The first `wanted` places of a Fisher–Yates shuffle, sorted.
 */
export function chooseSamples(total: number, wanted: number | undefined, seed: number): number[] {
  const indices = Array.from({ length: total }, (_, i) => i);
  if (wanted === undefined || wanted >= total) return indices;
  const random = seededRandom(seed);
  for (let i = 0; i < wanted; i++) {
    const j = i + Math.floor(random() * (total - i));
    [indices[i], indices[j]] = [indices[j] ?? 0, indices[i] ?? 0];
  }
  return indices.slice(0, wanted).sort((a, b) => a - b);
}
