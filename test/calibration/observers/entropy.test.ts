import { entropy, tensorRtVariant } from '../../../calibration/observers/entropy.js';
import { describeDivergence } from '../../support/divergence-observer.js';
import type { ExactVariant } from '../../support/exact-divergence.js';

/** TensorRT's talk: bins that are empty stay empty, P and Q sum to 1, up to all 2,048 bins. */
const exact: ExactVariant = { keepsEmpty: true, epsilon: 0, normalized: true, last: 2048 };

describeDivergence(entropy, tensorRtVariant, exact);
