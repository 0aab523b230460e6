import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { Model } from '../graph/model.js';
import type { QuantizeOptions } from '../options.js';
import { placeWidest } from '../place/place.js';
import { observableValues, type Placement } from '../place/placement.js';
import { named, type Recipe } from '../recipe.js';

/**
 * Values that another recipe could need, where ranges are found on samples at all: all that any could where others are tried,
 * else those of this one with more of it in float.
 */
export function valuesForOthers(
  model: Model,
  { activations }: Recipe,
  first: Placement,
  { suggest, auto, model: path }: Pick<QuantizeOptions, 'suggest' | 'auto' | 'model'>,
): string[] {
  if (activations.kind !== 'static') return [];
  if (named(rangeSources, activations.observer).from === 'batch-norm') return [];
  const widest = suggest || auto ? placeWidest(model, path) : first;
  return observableValues(model.graph, widest);
}
