import { leastDivergent, MAGNITUDE_BINS } from './divergence.js';
import type { DivergenceVariant } from './divergence-variant.js';
import type { Observer } from './observer.js';

/** As TensorRT's talk on 8-bit inference has it (Migacz 2017). */
export const tensorRtVariant: DivergenceVariant = {
  spread: 'filled',
  epsilon: 0,
  normalized: true,
  last: MAGNITUDE_BINS,
};

/** KL divergence between the values and their quantized image, TensorRT's variant. */
export const entropy: Observer = {
  name: 'entropy',
  summary: "least KL divergence, TensorRT's variant",
  quantizer: (statistics, bits, settings) => leastDivergent(statistics, bits, tensorRtVariant, settings),
};
