import type { SampleSource } from '../../calibration/source.js';
import { FEW_MULTIPLICATIONS } from '../evaluate/affordable-samples.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import { measureOrigins } from '../evaluate/measure-origins.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import type { QuantizeOptions } from '../options.js';
import type { Placement } from '../place/placement.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import type { SearchSettings } from './find-recipe.js';
import { efforts, gainOf, LEAST_GAIN_DB, lowestDb, suggest } from './suggest.js';

/** The quantized model whose drift is to be explained. */
export interface Explained {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly evaluation: Evaluation;
  readonly sizeBytes: number;
  /** The float model's file. */
  readonly floatFile: string | Uint8Array;
  /** How many samples refine a model; 0 where nothing does. */
  readonly refinedSamples: number;
}

/** Below this an output is far enough off that what does it is looked for unasked: an error of a thirtieth of the signal. */
const FAR_OFF_DB = 30;

/**
 * Where the drift comes from, and what mends it, as far as that was asked for. Where an output is far off, a little of it is
 * done unasked: as much as a second or two allow.
 */
export async function explain(
  planner: Planner,
  explained: Explained,
  source: SampleSource,
  asked: Pick<QuantizeOptions, 'origins' | 'suggest'> & {
    /** Whether more may be run than was asked for. */
    readonly mayExplore: boolean;
  },
  settings: SearchSettings,
): Promise<{ origins: LayerOrigin[]; suggestions: Suggestion[] }> {
  const nothing = { origins: [], suggestions: [] };
  const { recipe, evaluation } = explained;
  const sqnrDb = lowestDb(evaluation.outputs.map(({ exact }) => exact));
  const isFarOff = asked.mayExplore && sqnrDb !== null && sqnrDb < FAR_OFF_DB;
  const isAsked = asked.origins || asked.suggest;
  if (!isAsked && !isFarOff) return nothing;
  await settings.begin?.('measure origins');
  const sources = {
    model: planner.model,
    statistics: planner.statistics,
    layers: evaluation.layers,
    saturated: evaluation.saturated,
    source,
  };
  const plan = await planner.plan(recipe);
  const work = isAsked ? undefined : FEW_MULTIPLICATIONS;
  // What nobody asked for goes on in silence.
  const voice = isAsked ? settings : { ...settings, progress: undefined };
  const { origins, multiplications } = await measureOrigins({ ...sources, plan }, { ...voice, work });
  if (origins.length === 0 || (!asked.suggest && !isFarOff)) return { origins, suggestions: [] };
  await settings.begin?.('try suggestions');
  const effort = asked.suggest ? efforts.thorough : efforts.quick;
  const [{ exact } = { exact: { samples: 0 } }] = evaluation.outputs;
  const start = { ...explained, origins, multiplications, sqnrDb, samples: exact.samples };
  const suggestions = await suggest(planner, start, source, { ...voice, effort });
  if (asked.suggest) return { origins, suggestions };
  // What was tried unasked is worth a word where it helps.
  const helpful = suggestions.filter(({ tried }) => tried && gainOf(tried) >= LEAST_GAIN_DB);
  return { origins, suggestions: helpful };
}
