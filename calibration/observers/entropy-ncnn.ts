import { leastDivergent, MAGNITUDE_BINS } from './divergence.js';
import type { DivergenceVariant } from './divergence-variant.js';
import type { Observer } from './observer.js';

/** As ncnn's ncnn2table has it: mass spread over all bins of a level, 10^−4 added to each, no normalization. */
export const ncnnVariant: DivergenceVariant = {
  spread: 'even',
  epsilon: 1e-4,
  normalized: false,
  last: MAGNITUDE_BINS - 1,
};

/** KL divergence between the values and their quantized image, ncnn's variant. */
export const entropyNcnn: Observer = {
  name: 'entropy-ncnn',
  summary: "least KL divergence, ncnn's variant",
  quantizer: (statistics, bits, settings) => leastDivergent(statistics, bits, ncnnVariant, settings),
};
