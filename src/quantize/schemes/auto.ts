import { AUTO, schemeByWidth } from '../../recipe.js';
import { kmeans } from './kmeans.js';
import { minmax } from './minmax.js';
import { anyWidth, type Scheme } from './scheme.js';

const byName = { kmeans, minmax };

/** The default: what keeps most of a weight at its width, each layer by its own. */
export const auto: Scheme = {
  name: AUTO,
  summary: 'kmeans up to 4 bits, minmax above',
  widths: anyWidth,
  freeLevels: true,
  quantize(request) {
    return byName[schemeByWidth(request.bits)].quantize(request);
  },
};
