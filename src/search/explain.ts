import type { SampleSource } from '../../calibration/source.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import { measureOrigins } from '../evaluate/measure-origins.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import type { QuantizeOptions } from '../options.js';
import type { Placement } from '../place/placement.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import type { SearchSettings } from './find-recipe.js';
import { lowestDb, suggest } from './suggest.js';

/** The quantized model whose drift is to be explained. */
export interface Explained {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly evaluation: Evaluation;
  readonly sizeBytes: number;
  /** The float model's file. */
  readonly floatFile: string | Uint8Array;
}

/** Where the drift comes from, and what mends it, as far as that was asked for. */
export async function explain(
  planner: Planner,
  explained: Explained,
  source: SampleSource,
  asked: Pick<QuantizeOptions, 'origins' | 'suggest'>,
  settings: SearchSettings,
): Promise<{ origins: LayerOrigin[]; suggestions: Suggestion[] }> {
  if (!asked.origins && !asked.suggest) return { origins: [], suggestions: [] };
  const { recipe, evaluation } = explained;
  await settings.begin?.('measure origins');
  const sources = {
    model: planner.model,
    statistics: planner.statistics,
    layers: evaluation.layers,
    source,
  };
  const origins = await measureOrigins({ ...sources, plan: await planner.plan(recipe) }, settings);
  if (!asked.suggest) return { origins, suggestions: [] };
  await settings.begin?.('try suggestions');
  const sqnrDb = lowestDb(evaluation.outputs.map(({ exact }) => exact));
  const suggestions = await suggest(planner, { ...explained, origins, sqnrDb }, source, settings);
  return { origins, suggestions };
}
