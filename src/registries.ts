import { actSchemes } from '../calibration/act-schemes/act-schemes.js';
import { rangeSources } from '../calibration/range-sources/range-sources.js';
import { targets } from './place/targets/targets.js';
import { schemes } from './quantize/schemes/schemes.js';
import type { Registries } from './recipe/registries.js';
import { refiners } from './refine/refiners.js';

/** Every registry that a recipe names entries of. */
export const registries = {
  schemes,
  rangeSources,
  actSchemes,
  refiners,
  targets,
} as const satisfies Registries;
