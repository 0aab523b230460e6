/** A change of accuracy on the same samples, and whether it is more than chance. */
export interface PairedDifference {
  /** Samples that float alone gets right. */
  readonly lost: number;
  /** Samples that the quantized model alone gets right. */
  readonly gained: number;
  /** (lost − gained) / samples: what accuracy has lost, as a share. */
  readonly drop: number;
  /** The interval that holds the true drop in 95 of 100 such measurements. */
  readonly low: number;
  readonly high: number;
  /** Whether the interval leaves out 0: the drop is then told from noise. */
  readonly isSignificant: boolean;
}

/** The normal quantile of a two-sided interval of 95 %: Φ(1.959964) = 0.975. */
const Z = 1.959963984540054;

/** Halvings of [−1, 1]: beyond these a float64 does not change. */
const HALVINGS = 60;

/**
 * The difference of two shares on the same samples, with its score interval: every Δ that the score test does not refuse
 * (Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
 * Statistics in Medicine 17, eq. 9 and 12). With b lost and c gained of n,
 *
 *     T(Δ) = (b − c − nΔ) / √(n(2q + Δ(1 − Δ))),
 *
 * where q, the probability of a gain, is the one most likely under Δ: the larger root of
 * 2n·q² + ((2n − b + c)Δ − b − c)·q − cΔ(1 − Δ). T falls with Δ, so each end of |T| ≤ 1.96 is found by halving.
 *
 * @param samples - all of them, at least one
 */
export function pairedDifference(lost: number, gained: number, samples: number): PairedDifference {
  const statistic = (delta: number) => scoreOf(lost, gained, samples, delta);
  const low = crossing((delta) => statistic(delta) > Z);
  const high = crossing((delta) => statistic(delta) > -Z);
  const drop = (lost - gained) / samples;
  return { lost, gained, drop, low, high, isSignificant: low > 0 || high < 0 };
}

function scoreOf(lost: number, gained: number, samples: number, delta: number): number {
  const a = 2 * samples;
  const b = -lost - gained + (2 * samples - lost + gained) * delta;
  const c = -gained * delta * (1 - delta);
  const gain = (Math.sqrt(Math.max(b * b - 4 * a * c, 0)) - b) / (2 * a);
  const numerator = lost - gained - samples * delta;
  // Where nothing differs, a difference of 0 is exactly what was seen.
  if (numerator === 0) return 0;
  return numerator / Math.sqrt(Math.max(samples * (2 * gain + delta * (1 - delta)), 0));
}

/** Where a condition that holds for small Δ ends, in [−1, 1]. */
function crossing(holds: (delta: number) => boolean): number {
  let [low, high] = [-1, 1];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
