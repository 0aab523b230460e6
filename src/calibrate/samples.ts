import { batchSizeOf } from '../../calibration/batches.js';
import { concatenateSources, zipSources } from '../../calibration/join.js';
import { readLabels } from '../../calibration/labels.js';
import { openSamples } from '../../calibration/readers/readers.js';
import type { InputSpec, SampleSource } from '../../calibration/source.js';
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
export function inputSpecs(model: Model): InputSpec[] {
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

/**
 * Open the samples that the options name, and synthetic ones where they name none.
 *
 * @throws QuantizeError where a file is unreadable or does not fit the model
 */
export async function openAll(model: Model, options: DataOptions): Promise<Samples> {
  const inputs = inputSpecs(model);
  const seed = options.seed ?? 0;
  const open = (paths: Paths | undefined, samples: number | undefined) =>
    paths === undefined ? undefined : openPaths([paths].flat(), inputs, { ...options, samples, seed });
  const calibration = await open(options.data, options.samples);
  const given = await open(options.evalData, undefined);
  const evaluation = given ?? calibration ?? syntheticSource(inputs, SYNTHETIC_SAMPLES, seed);
  const kind = given ? 'evaluation' : calibration ? 'calibration' : 'synthetic';
  const labels =
    options.labels === undefined ? undefined : await readLabels(options.labels, evaluation.length);
  return { calibration, evaluation, kind, labels };
}

/** How samples are chosen and made fit. */
type ReadOptions = Pick<DataOptions, 'preprocess' | 'samples'> & { readonly seed: number };

/**
 * Samples from several paths: `input=path` provides that input, and every other path provides the inputs that no
 * `input=` names; several of those follow one another.
 */
async function openPaths(
  paths: readonly string[],
  inputs: readonly InputSpec[],
  { preprocess, samples, seed }: ReadOptions,
): Promise<SampleSource> {
  const batchSize = batchSizeOf(inputs);
  const open = (path: string, wanted: readonly InputSpec[]) =>
    openSamples({ path, inputs: wanted, batchSize, preprocess, samples, seed });
  const named = new Map<InputSpec, string>();
  const unnamed: string[] = [];
  for (const path of paths) {
    const input = inputs.find(({ name }) => path.startsWith(`${name}=`));
    if (input) named.set(input, path.slice(input.name.length + 1));
    else unnamed.push(path);
  }
  const rest = inputs.filter((input) => !named.has(input));
  if (rest.length > 0 && unnamed.length === 0) {
    const facts = {
      path: paths.join(', '),
      input: rest[0]?.name ?? '',
      found: [...named.keys()].map(({ name }) => name).join(', '),
    };
    throw new QuantizeError('data-input-missing', facts);
  }
  const sources: SampleSource[] = [];
  for (const [input, path] of named) sources.push(await open(path, [input]));
  const together: SampleSource[] = [];
  for (const path of unnamed) together.push(await open(path, rest));
  return zipSources(together.length > 0 ? [concatenateSources(together), ...sources] : sources);
}

/** The first run's worth of a source. */
export async function firstFeed(source: SampleSource): Promise<Feed> {
  for await (const { feed } of source.open()) return feed;
  throw new Error(`${source.label} is empty`);
}
