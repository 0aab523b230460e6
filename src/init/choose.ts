import type { Evidence } from './evidence.js';

/** What decides between candidates, the strongest first. */
export type Ground = 'labels' | 'normalization' | 'classes';

/** The candidates, the best first. */
export interface Proposal {
  readonly ranked: readonly Evidence[];
  /** What they are ranked by; undefined where nothing tells them apart. */
  readonly ground: Ground | undefined;
  /** Whether another may be as good as the first. */
  readonly isTie: boolean;
}

/** Right preparations are within a tenth of a nat of what a BatchNormalization expects, wrong ones beyond a third. */
const FITS = 0.2;

/** A candidate whose classes tell less than this share of what the best one's do is out. */
const TELLS = 0.25;

/**
 * Rank what was measured: by accuracy where there are labels, else by the first BatchNormalization. Classes alone decide
 * nothing: inputs far too large make a network sure of anything. They only put last what leaves it unsure of all; the
 * others stay in their order.
 */
export function choose(evidence: readonly Evidence[]): Proposal {
  const ground = grounds.find(({ of }) => evidence.some((each) => of(each) !== undefined));
  if (!ground) return { ranked: evidence, ground: undefined, isTie: evidence.length > 1 };
  const best = Math.max(...evidence.map((each) => ground.of(each) ?? Number.NEGATIVE_INFINITY));
  const scoreOf = (each: Evidence) =>
    ground.scored?.(ground.of(each) ?? 0, best) ?? ground.of(each) ?? Number.NEGATIVE_INFINITY;
  // What was tried first stands first among equals.
  const ranked = evidence.toSorted((a, b) => scoreOf(b) - scoreOf(a) || 0);
  const [first, second] = ranked;
  return { ranked, ground: ground.name, isTie: !!first && !!second && ground.isTie(first, second) };
}

const grounds: readonly {
  readonly name: Ground;
  /** The higher, the better. */
  of(evidence: Evidence): number | undefined;
  /** What counts of it beside the best there is, where that is not itself. */
  scored?(value: number, best: number): number;
  isTie(first: Evidence, second: Evidence): boolean;
}[] = [
  {
    name: 'labels',
    of: ({ accuracy }) => accuracy,
    // Two standard errors of the better one.
    isTie: ({ accuracy = 0, samples }, second) =>
      accuracy - (second.accuracy ?? 0) < 2 * Math.sqrt((accuracy * (1 - accuracy)) / Math.max(1, samples)),
  },
  {
    name: 'normalization',
    of: ({ divergence }) => (divergence === undefined ? undefined : -divergence),
    isTie: ({ divergence = 0 }, second) => divergence > FITS || (second.divergence ?? 0) < FITS,
  },
  {
    name: 'classes',
    of: ({ information }) => information,
    scored: (value, best) => (value < TELLS * best ? 0 : 1),
    isTie: () => true,
  },
];
