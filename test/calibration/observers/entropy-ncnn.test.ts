import { entropyNcnn, ncnnVariant } from '../../../calibration/observers/entropy-ncnn.js';
import { describeDivergence } from '../../support/divergence-observer.js';
import type { ExactVariant } from '../../support/exact-divergence.js';

/** ncnn2table: mass over all bins of a level, 10^−4 added, sums as they are, the last bin never tried. */
const exact: ExactVariant = { keepsEmpty: false, epsilon: 1e-4, normalized: false, last: 2047 };

describeDivergence(entropyNcnn, ncnnVariant, exact);
