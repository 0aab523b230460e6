import { readLabels } from '../../calibration/labels.js';
import { openSamples } from '../../calibration/readers/readers.js';
import type { InputSpec, SampleSource } from '../../calibration/source.js';
import { syntheticSource } from '../../calibration/synthetic.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import type { DataOptions } from '../options.js';

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

/** The inputs that a model must be given, as readers need to know them. */
export function inputSpecs(model: Model): InputSpec[] {
  return model.graph.inputs
    .filter((input) => !model.graph.initializers.has(input.name))
    .map(({ name, dataType, shape }) => ({ name, type: dataType ?? 'float32', shape: shape ?? [] }));
}

/**
 * Open the samples that the options name, and synthetic ones where they name none.
 *
 * @throws QuantizeError where a file is unreadable or does not fit the model
 */
export async function openAll(model: Model, options: DataOptions): Promise<Samples> {
  const inputs = inputSpecs(model);
  const seed = options.seed ?? 0;
  const open = (path: string, samples: number | undefined) => {
    const [input] = inputs;
    if (!input || inputs.length > 1) {
      const names = inputs.map(({ name }) => name).join(', ');
      throw new QuantizeError('inputs-unsupported', { count: inputs.length, names });
    }
    return openSamples({ path, input, preprocess: options.preprocess, samples, seed });
  };
  const calibration = options.data === undefined ? undefined : await open(options.data, options.samples);
  const given = options.evalData === undefined ? undefined : await open(options.evalData, undefined);
  const evaluation = given ?? calibration ?? syntheticSource(inputs, SYNTHETIC_SAMPLES, seed);
  const kind = given ? 'evaluation' : calibration ? 'calibration' : 'synthetic';
  const labels =
    options.labels === undefined ? undefined : await readLabels(options.labels, evaluation.length);
  return { calibration, evaluation, kind, labels };
}

/** The first run's worth of a source. */
export async function firstFeed(source: SampleSource): Promise<Feed> {
  for await (const { feed } of source.open()) return feed;
  throw new Error(`${source.label} is empty`);
}
