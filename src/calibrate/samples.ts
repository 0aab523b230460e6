import { batchAxisOf, withBatchAxes } from '../../calibration/batch-axis.js';
import { preprocessOf } from '../../calibration/given-preprocess.js';
import { type GivenShapes, withGivenShapes } from '../../calibration/given-shapes.js';
import { readLabels } from '../../calibration/labels.js';
import type { Preprocess } from '../../calibration/preprocess.js';
import { openSamples } from '../../calibration/readers/readers.js';
import {
  batchSizeOf,
  type ChosenSamples,
  chooseReadable,
  concatenateSets,
  type SampleSet,
  sourceOf,
  zipSets,
} from '../../calibration/sample-set.js';
import type { Batch, InputSpec, SampleSource, Shard } from '../../calibration/source.js';
import { syntheticSources } from '../../calibration/synthetic.js';
import { QuantizeError, reasonOf } from '../errors.js';
import { fedAs, isArrayType } from '../graph/data-type.js';
import { fedInputs, type Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import type { DataOptions, Paths, TrainingOptions } from '../options.js';
import { decodeTensorFile } from '../proto/decode-tensor.js';
import type { UnheldOutput } from '../runtime/session.js';

/** Samples whose classes are known. */
export interface Labelled {
  readonly source: SampleSource;
  readonly labels: readonly number[];
}

/** Samples to measure on that stand beside others. */
export interface NamedSamples {
  readonly name: string;
  readonly source: SampleSource;
  readonly labels: readonly number[] | undefined;
}

/** The samples of a run. */
export interface Samples {
  /** Undefined where weights alone are quantized. */
  readonly calibration: SampleSource | undefined;
  readonly evaluation: SampleSource;
  /** How much the drift on the evaluation samples means; `none` where there are no samples, and no random input runs. */
  readonly kind: 'evaluation' | 'calibration' | 'synthetic' | 'none';
  /** The class of each evaluation sample. */
  readonly labels: readonly number[] | undefined;
  /** The name of the evaluation samples among several sets; undefined where they are the only one. */
  readonly setName?: string | undefined;
  /** The other sets. */
  readonly otherSets?: readonly NamedSamples[] | undefined;
  /** What a refiner learns classes from. */
  readonly training?: Labelled | undefined;
  /** Outputs that cannot be held, and so are not compared. */
  readonly unheld?: readonly UnheldOutput[] | undefined;
}

/** Where there are no samples, and no random input runs. */
export const noSamples: Samples = {
  calibration: undefined,
  evaluation: { label: 'nothing', length: 0, preprocess: 'none', async *open() {} },
  kind: 'none',
  labels: undefined,
};

/** Random inputs to compare two models on, where there are no samples. */
const SYNTHETIC_SAMPLES = 16;

/**
 * The inputs that a model must be given, as readers need to know them.
 *
 * @throws QuantizeError `input-unsupported` for one that is no numeric tensor
 */
function inputSpecs(model: Model, shapes: GivenShapes | undefined): InputSpec[] {
  const specs = fedInputs(model.graph).map(({ name, dataType, shape }) => {
    const type = fedAs(dataType);
    if (!isArrayType(type)) {
      throw new QuantizeError('input-unsupported', { input: name, type: type ?? 'no tensor' });
    }
    return { name, type, shape };
  });
  return withGivenShapes(withBatchAxes(specs), shapes);
}

/** Which samples are opened, and what for. */
interface SampleOptions extends DataOptions, TrainingOptions {
  /** Only this shard of the calibration samples. */
  readonly shard?: Shard | undefined;
  /** Where statistics are at hand, the calibration samples only serve to measure on. */
  readonly stats?: string | undefined;
  /** Whether `data` is what is measured on, whatever else is. */
  readonly measuresData?: boolean | undefined;
}

/**
 * Open the samples that the options name, and synthetic ones where they name none.
 *
 * @param run - runs the model, to find the shape of synthetic input where the model leaves it open
 * @throws QuantizeError where a file is unreadable or does not fit the model
 */
export async function openAll(
  model: Model,
  options: SampleOptions,
  run?: (feed: Feed) => Promise<unknown>,
): Promise<Samples> {
  refuseLoneLabels(options);
  refuseHalfTraining(options);
  const inputs = inputSpecs(model, options.shapes);
  const seed = options.seed ?? 0;
  const { pictures, raw, tokenizer, samples, shard } = options;
  const preprocess = preprocessOf(options.preprocess);
  const open = async (paths: Paths | undefined, choice: Pick<ReadOptions, 'samples' | 'shard'>) => {
    const settings = { preprocess, pictures, raw, tokenizer, seed, ...choice };
    return paths === undefined ? undefined : openPaths([paths].flat(), inputs, settings);
  };
  const calibration = await open(options.data, { samples, shard });
  const given = await open(options.evalData, {});
  const sets = await openSets(options.evalSets, (paths) => open(paths, {}));
  const measured = given ?? (options.measuresData || sets.length === 0 ? calibration : undefined);
  const main = await mainSet(measured, options, sets);
  const evaluation = main?.source ?? (await openSynthetic(inputs, seed, run));
  const kind = given || sets.length > 0 ? 'evaluation' : calibration ? 'calibration' : 'synthetic';
  const training = await open(options.trainData, {});
  const observed = options.stats === undefined ? calibration?.source : undefined;
  return {
    ...{ calibration: observed, evaluation, kind, labels: main?.labels },
    ...(sets.length > 0 && { setName: main?.name, otherSets: sets.filter((set) => set !== main) }),
    training:
      training && options.trainLabels !== undefined
        ? { source: training.source, labels: await labelsOf(options.trainLabels, training) }
        : undefined,
  };
}

/** Labels are of no use without their samples. */
function refuseLoneLabels({ labels, data, evalData, evalSets, measuresData }: SampleOptions): void {
  const isOfData = data !== undefined && (measuresData || evalSets === undefined);
  if (labels === undefined || evalData !== undefined || isOfData) return;
  const mend =
    evalSets === undefined
      ? 'Give the samples that they belong to with --eval-data.'
      : 'Give those of a set behind a comma, as --eval-set name=data.npy,labels.npy; or their samples with --eval-data.';
  throw new QuantizeError('bad-option', { flag: '--labels', problem: 'needs samples', mend });
}

/** The sets that stand beside what `--eval-data` names, in their order. */
async function openSets(
  given: DataOptions['evalSets'] = {},
  open: (paths: Paths) => Promise<Opened | undefined>,
): Promise<NamedSamples[]> {
  const sets: NamedSamples[] = [];
  for (const [name, { data, labels }] of Object.entries(given)) {
    const opened = (await open(data)) as Opened;
    const own = labels === undefined ? undefined : await labelsOf(labels, opened);
    sets.push({ name, source: opened.source, labels: own });
  }
  return sets;
}

/** What all is measured on: the samples that were given without a name, else the first set; undefined without either. */
async function mainSet(
  opened: Opened | undefined,
  { labels, measuresData }: SampleOptions,
  [first, ...others]: readonly NamedSamples[],
): Promise<NamedSamples | undefined> {
  if (!opened) return first;
  const name = measuresData ? 'data' : 'eval-data';
  if ([first, ...others].some((set) => set?.name === name)) {
    const problem = `names a set "${name}", as the samples of --${name} are called`;
    throw new QuantizeError('bad-option', { flag: '--eval-set', problem, mend: 'Give it another name.' });
  }
  const own = labels === undefined ? undefined : await labelsOf(labels, opened);
  return { name, source: opened.source, labels: own };
}

/** Samples to learn from are of no use without their labels, nor these alone. */
function refuseHalfTraining({ trainData, trainLabels, data }: SampleOptions): void {
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  if (trainData !== undefined && trainLabels === undefined)
    throw refuse('--train-data', 'needs labels', 'Give the class of each sample with --train-labels.');
  if (trainData === undefined && trainLabels !== undefined)
    throw refuse(
      '--train-labels',
      'needs samples',
      'Give the samples that they belong to with --train-data.',
    );
  if (trainData !== undefined && data === undefined)
    throw refuse(
      '--train-data',
      'needs calibration samples',
      'Give some with --data: the same ones may serve.',
    );
}

/** A source, and what it was made from. */
interface Opened {
  readonly source: SampleSource;
  readonly set: SampleSet;
  readonly chosen: ChosenSamples;
}

/** Labels are given for all samples of the set; those that were chosen keep theirs. */
async function labelsOf(path: string, { set, chosen }: Opened): Promise<number[]> {
  const labels = await readLabels(path, set);
  return chosen.indices.map((index) => labels[index] as number);
}

/** Random input of the first shape that the model runs on. */
async function openSynthetic(
  inputs: readonly InputSpec[],
  seed: number,
  run: ((feed: Feed) => Promise<unknown>) | undefined,
): Promise<SampleSource> {
  const sources = syntheticSources(inputs, SYNTHETIC_SAMPLES, seed);
  const [first, ...others] = sources;
  if (!run) return first;
  let thrown: unknown;
  for (const source of sources) {
    try {
      await run(await firstFeed(source));
      return source;
    } catch (failure) {
      thrown ??= failure;
    }
  }
  const tried = Object.entries(await firstFeed(first))
    .map(([name, { dims }]) => `${name} [${dims.join(', ')}]`)
    .join(', ');
  const facts = { tried: others.length > 0 ? `${tried}, and others` : tried, reason: reasonOf(thrown) };
  throw new QuantizeError('synthetic-failed', facts, { cause: thrown });
}

/** The files that samples and labels are read from, so that none of them is written over. */
export function sampleFiles({
  data,
  evalData,
  evalSets = {},
  labels,
  trainData,
  trainLabels,
}: Pick<DataOptions, 'data' | 'evalData' | 'evalSets' | 'labels'> & TrainingOptions): string[] {
  const sets = Object.values(evalSets).map((set) => [set.data, set.labels ?? []].flat());
  // Whether `a=b.npy` is a file or the samples of the input a is known once the model is: both are kept.
  return [data ?? [], evalData ?? [], ...sets, labels ?? [], trainData ?? [], trainLabels ?? []]
    .flat()
    .flatMap((path) => (path.includes('=') ? [path, path.slice(path.indexOf('=') + 1)] : [path]));
}

/** How samples are chosen and made fit. */
type ReadOptions = Pick<SampleOptions, 'pictures' | 'raw' | 'tokenizer' | 'samples' | 'shard'> & {
  readonly preprocess: Preprocess | undefined;
  readonly seed: number;
};

/**
 * Samples from several paths: `input=path` provides that input, and every other path provides the inputs that no
 * `input=` names; several for the same inputs follow one another.
 */
async function openPaths(
  paths: readonly string[],
  inputs: readonly InputSpec[],
  { preprocess, pictures, raw, tokenizer, samples, shard, seed }: ReadOptions,
): Promise<Opened> {
  // Of several paths each sample has parts, or its place in the whole is not known before all are counted.
  const limit = paths.length === 1 ? samples : undefined;
  const settings = { preprocess, pictures, raw, tokenizer, limit, decodeTensor: decodeTensorFile };
  const named = paths.map((path) => ({
    path,
    input: inputs.find(({ name }) => path.startsWith(`${name}=`)),
  }));
  const rest = inputs.filter((input) => !named.some((each) => each.input === input));
  const open = async (wanted: readonly InputSpec[], from: readonly string[]) => {
    const sets: SampleSet[] = [];
    for (const path of from) sets.push(await openSamples({ ...settings, path, inputs: wanted }));
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
  const set = zipSets(sets);
  const chosen = await chooseReadable(set, { samples, seed });
  const batchAxes = new Map(inputs.map((input) => [input.name, batchAxisOf(input) ?? 0]));
  const batching = { samples, shard, seed, batchAxes, batchSize: batchSizeOf(inputs, set.whole) };
  return { source: sourceOf(set, batching, chosen), set, chosen };
}

/** The first run's worth of a source. */
export async function firstBatch(source: SampleSource): Promise<Batch> {
  for await (const batch of source.open()) return batch;
  throw new Error(`${source.label} is empty`);
}

/** What the first run of a source is fed. */
export const firstFeed = async (source: SampleSource): Promise<Feed> => (await firstBatch(source)).feed;
