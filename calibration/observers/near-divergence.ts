import type { DivergenceVariant } from './divergence-variant.js';

/**
 * The divergences of `divergenceAt` from running sums of the histogram, in O(levels) each where that takes O(bins): all whole
 * bins of a level have one height, and at most one bin is shared by two levels. Sums are taken in another order, so that a
 * result is near that of `divergenceAt`, within 10⁻¹².
 */
export class NearDivergence {
  readonly #masses: Float64Array;
  readonly #levels: number;
  readonly #variant: DivergenceVariant;
  /** Of the bins before each: their mass, how many of them a level's mass goes to, and Σ p·log p. */
  readonly #mass: Float64Array;
  readonly #room: Float64Array;
  readonly #own: Float64Array;

  /** @param levels - at least 1 */
  constructor(masses: Float64Array, levels: number, variant: DivergenceVariant) {
    const { spread, epsilon } = variant;
    this.#masses = masses;
    this.#levels = levels;
    this.#variant = variant;
    this.#mass = new Float64Array(masses.length + 1);
    this.#room = new Float64Array(masses.length + 1);
    this.#own = new Float64Array(masses.length + 1);
    for (let k = 0; k < masses.length; k++) {
      const mass = masses[k] as number;
      const p = mass + epsilon;
      this.#mass[k + 1] = (this.#mass[k] as number) + mass;
      this.#room[k + 1] = (this.#room[k] as number) + (spread === 'even' || mass > 0 ? 1 : 0);
      this.#own[k + 1] = (this.#own[k] as number) + (p > 0 ? p * Math.log(p) : 0);
    }
  }

  /**
   * What KL(P ‖ Q) for the first `t` bins is at least, in O(1): that of the last bin, which has the tail, against all others
   * (the log sum inequality). Infinite where it is.
   *
   * @param t - at least as many as levels
   * @param tail - the mass behind them
   */
  atLeast(t: number, tail: number): number {
    const height = this.#heightFrom(((this.#levels - 1) * t) / this.#levels, t);
    const [p, q] = this.#lastOf(t, tail, height);
    const { massP, massQ } = this.#sums(t, tail);
    const [restP, restQ] = [massP - p, massQ - q];
    const rest = restP > NOTHING && restQ > 0 ? restP * Math.log(restP / restQ) : 0;
    return this.#scaled(term(p, q) + rest, massP, massQ);
  }

  /** KL(P ‖ Q) for the first `t` bins, within 10⁻¹². */
  at(t: number, tail: number): number {
    const [mass, own] = [this.#mass, this.#own];
    const { epsilon } = this.#variant;
    const levels = this.#levels;
    let sum = 0;
    let height = 0;
    let from = 0;
    for (let level = 1; level <= levels; level++) {
      const to = (level * t) / levels;
      const before = height;
      height = this.#heightFrom(from, to);
      const begin = Math.floor(from);
      const inside = from - begin;
      if (inside > 0) {
        const q = inside * before + (1 - inside) * height + epsilon;
        sum += term((this.#masses[begin] as number) + epsilon, q);
      }
      // The last bin has the tail, and none but the last level.
      const [first, end] = [Math.ceil(from), level === levels ? t - 1 : Math.floor(to)];
      const whole = (mass[end] as number) - (mass[first] as number) + (end - first) * epsilon;
      if (whole > 0)
        sum += (own[end] as number) - (own[first] as number) - whole * Math.log(height + epsilon);
      from = to;
    }
    const { massP, massQ } = this.#sums(t, tail);
    return this.#scaled(sum + term(...this.#lastOf(t, tail, height)), massP, massQ);
  }

  /** What each bin gets that is in one level alone, of a level between two places. */
  #heightFrom(from: number, to: number): number {
    const [first, last] = [Math.floor(from), Math.floor(to)];
    const along = (sums: Float64Array, place: number, at: number) => {
      const below = sums[at] as number;
      return place > at ? below + (place - at) * ((sums[at + 1] as number) - below) : below;
    };
    const room = along(this.#room, to, last) - along(this.#room, from, first);
    return room > 0 ? (along(this.#mass, to, last) - along(this.#mass, from, first)) / room : 0;
  }

  /** P and Q of the last bin, of whose level each bin gets so much. */
  #lastOf(t: number, tail: number, height: number): [p: number, q: number] {
    const { spread, epsilon } = this.#variant;
    const mass = this.#masses[t - 1] as number;
    return [mass + Math.max(tail, 0) + epsilon, (spread === 'even' || mass > 0 ? height : 0) + epsilon];
  }

  #sums(t: number, tail: number): { massP: number; massQ: number } {
    const massQ = (this.#mass[t] as number) + t * this.#variant.epsilon;
    return { massP: massQ + Math.max(tail, 0), massQ };
  }

  #scaled(sum: number, massP: number, massQ: number): number {
    if (!this.#variant.normalized || sum === Number.POSITIVE_INFINITY) return sum;
    return sum / massP - Math.log(massP / massQ);
  }
}

/** What is left of a mass of 1 by rounding alone. */
const NOTHING = 1e-12;

/** p·log(p/q), which is 0 without p, and infinite without q. */
const term = (p: number, q: number): number =>
  p <= 0 ? 0 : q <= 0 ? Number.POSITIVE_INFINITY : p * Math.log(p / q);
