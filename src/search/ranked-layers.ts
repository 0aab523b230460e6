import type { ProbeLayer } from '../evaluate/probe.js';

/** A layer that computes next to nothing is not free. */
const LEAST_SHARE = 1 / 100;

/** Layers, their share of the multiplications, and the power of the errors that they make alone. */
export interface Ranked {
  readonly layers: readonly ProbeLayer[];
  readonly share: number;
  readonly power: number;
}

export const worthOf = ({ share, power }: Ranked): number => power / (share + LEAST_SHARE);

/** Where multiplications cost nothing: layers alone before runs of them, those that move boxes most first. */
export const byPower = (steps: readonly Ranked[]): Ranked[] =>
  [...steps].sort((a, b) => Number(a.layers.length > 1) - Number(b.layers.length > 1) || b.power - a.power);

/** The first runs of layers whose share of the multiplications stays within a bound, each without what is in those before it. */
export function firstOf(
  steps: readonly Ranked[],
  bound: number,
  sharesOf: (layers: readonly ProbeLayer[]) => number,
): ProbeLayer[][] {
  const taken: ProbeLayer[][] = [];
  for (const { layers } of steps) {
    const more = layers.filter((layer) => !taken.flat().includes(layer));
    if (more.length > 0 && sharesOf([...taken.flat(), ...more]) <= bound) taken.push(more);
  }
  return taken;
}

/** Layers in so many runs that follow one another, of two at least, about as long as each other. */
export function inRuns<T>(layers: readonly T[], most: number): T[][] {
  const count = Math.min(most, Math.ceil(layers.length / 2));
  const at = (run: number) => Math.round((run * layers.length) / count);
  return Array.from({ length: count }, (_, run) => layers.slice(at(run), at(run + 1)));
}
