import type { Random } from '../../../calibration/sampling.js';
import type { Feed, NdArray } from '../../numerics/nd-array.js';

/** Images that another is mixed with: so many of the last ones. */
const POOL = 256;

/** Share of the images that are mixed. Of all of them mixed, the network learns less of what images are. */
const MIXED = 0.5;

/**
 * Every other image, by chance, becomes a convex combination of itself and one of those before it, a·x + (1 − a)·x′ with a
 * even in [0, 1) (mixup, Zhang et al. 2018, with α = 1). What float says of it is computed on the mixture, not mixed
 * (function matching, Beyer et al. 2022), so that a few hundred images teach as many again.
 *
 * @param isImage - which arrays are mixed; the others of a sample stay its own
 */
export class Mixer {
  readonly #random: Random;
  readonly #isImage: (array: NdArray) => boolean;
  readonly #pool: Feed[] = [];

  constructor(random: Random, isImage: (array: NdArray) => boolean) {
    this.#random = random;
    this.#isImage = isImage;
  }

  /** @param feed - samples along the first axis of each array */
  mixed(feed: Feed): Feed {
    const random = this.#random;
    const other = this.#pool[Math.floor(random() * this.#pool.length)];
    const share = random() < MIXED ? random() : 1;
    const place = this.#pool.length < POOL ? this.#pool.length : Math.floor(random() * POOL);
    this.#pool[place] = feed;
    if (!other || share === 1) return feed;
    return Object.fromEntries(
      Object.entries(feed).map(([name, array]) => {
        const partner = other[name];
        const fits = partner && this.#isImage(array) && partner.data.length === array.data.length;
        return [name, fits ? combined(array, partner, share) : array];
      }),
    );
  }
}

function combined(array: NdArray, partner: NdArray, share: number): NdArray {
  const [one, other] = [array.data as Float32Array, partner.data as Float32Array];
  return {
    ...array,
    data: one.map((value, at) => share * value + (1 - share) * (other[at] as number)),
  };
}
