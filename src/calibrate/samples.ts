import { readLabels } from '../../calibration/labels.js';
import { openSamples } from '../../calibration/readers/readers.js';
import {
  batchSizeOf,
  concatenateSets,
  type SampleSet,
  sourceOf,
  zipSets,
} from '../../calibration/sample-set.js';
import type { InputSpec, SampleSource, Shard } from '../../calibration/source.js';
import { syntheticSource } from '../../calibration/synthetic.js';
import { QuantizeError } from '../errors.js';
import { isArrayType } from '../graph/data-type.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import type { DataOptions, Paths } from '../options.js';

/** The samples of a run. */
export interface Samples {
  /** Undefined where weights alone are quantized. */
  readonly calibration: SampleSource | undefined;
  readonly evaluation: SampleSource;
  /** How much the drift on the evaluation samples means. */
  readonly kind: 'evaluation' | 'calibration' | 'synthetic';
  /** The class of each evaluation sample. */
  readonly labels: readonly number[] | undefined;
}

/** Random inputs to compare two models on, where there are no samples. */
const SYNTHETIC_SAMPLES = 16;

/**
 * The inputs that a model must be given, as readers need to know them.
 *
 * @throws QuantizeError `input-unsupported` for one that is no numeric tensor
 */
function inputSpecs(model: Model): InputSpec[] {
  const { inputs, initializers } = model.graph;
  return inputs
    .filter((input) => !initializers.has(input.name))
    .map(({ name, dataType, shape }) => {
      if (!isArrayType(dataType)) {
        throw new QuantizeError('input-unsupported', { input: name, type: dataType ?? 'no tensor' });
      }
      return { name, type: dataType, shape };
    });
}

/** Which samples are opened, and what for. */
interface SampleOptions extends DataOptions {
  /** Only this shard of the calibration samples. */
  readonly shard?: Shard | undefined;
  /** Where statistics are at hand, the calibration samples only serve to measure on. */
  readonly stats?: string | undefined;
}

/**
 * Open the samples that the options name, and synthetic ones where they name none.
 *
 * @throws QuantizeError where a file is unreadable or does not fit the model
 */
export async function openAll(model: Model, options: SampleOptions): Promise<Samples> {
  if (options.labels !== undefined && options.data === undefined && options.evalData === undefined) {
    const mend = 'Give the samples that they belong to with --eval-data.';
    throw new QuantizeError('bad-option', { flag: '--labels', problem: 'needs samples', mend });
  }
  const inputs = inputSpecs(model);
  const seed = options.seed ?? 0;
  const { preprocess, samples, shard } = options;
  const open = (paths: Paths | undefined, choice: Pick<ReadOptions, 'samples' | 'shard'>) =>
    paths === undefined ? undefined : openPaths([paths].flat(), inputs, { preprocess, seed, ...choice });
  const calibration = await open(options.data, { samples, shard });
  const given = await open(options.evalData, {});
  const evaluation = given ?? calibration ?? syntheticSource(inputs, SYNTHETIC_SAMPLES, seed);
  const kind = given ? 'evaluation' : calibration ? 'calibration' : 'synthetic';
  const labels =
    options.labels === undefined ? undefined : await readLabels(options.labels, evaluation.length);
  return { calibration: options.stats === undefined ? calibration : undefined, evaluation, kind, labels };
}

/** How samples are chosen and made fit. */
type ReadOptions = Pick<SampleOptions, 'preprocess' | 'samples' | 'shard'> & { readonly seed: number };

/**
 * Samples from several paths: `input=path` provides that input, and every other path provides the inputs that no
 * `input=` names; several for the same inputs follow one another.
 */
async function openPaths(
  paths: readonly string[],
  inputs: readonly InputSpec[],
  { preprocess, samples, shard, seed }: ReadOptions,
): Promise<SampleSource> {
  const named = paths.map((path) => ({
    path,
    input: inputs.find(({ name }) => path.startsWith(`${name}=`)),
  }));
  const rest = inputs.filter((input) => !named.some((each) => each.input === input));
  const open = async (wanted: readonly InputSpec[], from: readonly string[]) => {
    const sets: SampleSet[] = [];
    for (const path of from) sets.push(await openSamples({ path, inputs: wanted, preprocess }));
    return concatenateSets(sets);
  };
  const sets: SampleSet[] = [];
  for (const input of inputs.filter((each) => !rest.includes(each))) {
    const own = named
      .filter((each) => each.input === input)
      .map(({ path }) => path.slice(input.name.length + 1));
    sets.push(await open([input], own));
  }
  const unnamed = named.filter((each) => !each.input).map(({ path }) => path);
  if (rest.length > 0 && unnamed.length === 0) {
    const found = inputs.filter((each) => !rest.includes(each)).map(({ name }) => name);
    const facts = { path: paths.join(', '), input: rest[0]?.name ?? '', found: found.join(', ') };
    throw new QuantizeError('data-input-missing', facts);
  }
  if (unnamed.length > 0) sets.unshift(await open(rest, unnamed));
  return sourceOf(zipSets(sets), { samples, shard, seed, batchSize: batchSizeOf(inputs) });
}

/** The first run's worth of a source. */
export async function firstFeed(source: SampleSource): Promise<Feed> {
  for await (const { feed } of source.open()) return feed;
  throw new Error(`${source.label} is empty`);
}
