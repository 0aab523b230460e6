import { QuantizeError } from '../errors.js';
import { upgradedRecipe } from '../recipe/upgrade.js';
import type { Place } from '../validate/allowed.js';
import { checked, showPlace } from '../validate/check.js';
import { isRecord } from '../validate/is-record.js';
import { type ConfigFile, configSchema } from './schema.js';

/** A file's content, and the place of the configuration in it. */
export interface FoundConfig {
  readonly path: string;
  readonly content: unknown;
  /** `quantize` in a package.json. */
  readonly prefix: readonly string[];
}

/**
 * Check the content of a configuration.
 *
 * @throws QuantizeError `bad-value` for the first thing that is wrong with it
 */
export function checkConfig(found: FoundConfig): ConfigFile {
  const fail = valueError(found);
  return checked(configSchema, upgraded(found.content), ({ place, problem, mend }) =>
    fail(place, problem, mend),
  );
}

/** The content with its recipes in the form of this version. */
function upgraded(content: unknown): unknown {
  if (!isRecord(content)) return content;
  const upgradedJob = (job: unknown) =>
    isRecord(job) && 'recipe' in job ? { ...job, recipe: upgradedRecipe(job.recipe) } : job;
  const job = upgradedJob(content) as Readonly<Record<string, unknown>>;
  return Array.isArray(job.models) ? { ...job, models: job.models.map(upgradedJob) } : job;
}

/** Makes the error for a value of a configuration. */
export const valueError =
  ({ path, prefix }: Pick<FoundConfig, 'path' | 'prefix'>) =>
  (place: Place, problem: string, mend: string): QuantizeError => {
    const whole = [...prefix, ...place];
    const where = whole.length === 0 ? 'the configuration' : showPlace(whole);
    return new QuantizeError('bad-value', { where: `${path}: ${where}`, problem, mend });
  };
