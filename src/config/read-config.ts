import { basename, dirname, isAbsolute, join } from 'node:path';
import { FOLDER_LABELS } from '../../calibration/labels.js';
import { QuantizeError } from '../errors.js';
import { isTask } from '../evaluate/tasks/tasks.js';
import { parseGate } from '../gate/parse-gate.js';
import type { GateSpec, Paths, QuantizeOptions } from '../options.js';
import { checkConfig, type FoundConfig, valueError } from './check-config.js';
import { configEndings, loadContent } from './load-content.js';
import { parsePictures, parsePreprocess, parseRaw } from './parse-samples.js';
import type { ConfigFile, JobSettings } from './schema.js';

/** The file that is looked for, with any of the endings. */
const CONFIG_NAME = 'quantize.config';

/** The key of package.json that is looked for where there is no such file. */
const PACKAGE_KEY = 'quantize';

/** One model of a configuration, its paths as seen from the working folder. */
export interface Job extends QuantizeOptions {
  /** Files to write the result to. */
  readonly reports: readonly string[];
}

/** Where a configuration is looked for, and what stands above it. */
export interface ConfigRequest {
  /** The file; without it `quantize.config.json` (.yaml, .yml, .js, .mjs, .ts, …), or the `quantize` key of package.json, in the folder. */
  readonly path?: string | undefined;
  /** The working folder without it. */
  readonly folder?: string | undefined;
  /** The model, where the configuration names none or another one. */
  readonly model?: string | undefined;
}

/** A configuration that was found. */
export interface Config {
  readonly path: string;
  /** At least one. */
  readonly jobs: readonly Job[];
  /** Where one page for all of them is to be written. */
  readonly index: string | undefined;
}

/**
 * Read and check a configuration.
 *
 * @throws QuantizeError `config-missing`, `config-syntax`, or `bad-value`, which names the file, the place in it, what
 *   is wrong there and what is allowed
 */
export async function readConfig({ path, folder = '.', model }: ConfigRequest = {}): Promise<Config> {
  const found = path === undefined ? await findConfig(folder) : await readGiven(path);
  const config = checkConfig(found);
  const { $schema: _, index, model: own, models, ...shared } = config;
  const fail = valueError(found);
  if (own !== undefined && models) throw fail(['models'], 'stands beside "model"', 'Give one of the two.');
  if (model !== undefined && models)
    throw fail(
      ['models'],
      'names the models, and the command line names another',
      'Leave out one of the two.',
    );
  const single = model ?? (own === undefined ? undefined : within(found.path, own));
  if (single === undefined && !models)
    throw fail([], 'names no model', 'Give "model", or "models" where there are several.');
  const jobs = models
    ? models.map(({ model: name, ...settings }, i) => {
        const merged = { ...shared, ...settings, recipe: { ...shared.recipe, ...settings.recipe } };
        return jobOf(found, ['models', i], within(found.path, name), merged);
      })
    : [jobOf(found, [], single as string, shared)];
  refuseCollisions(jobs, fail);
  return { path: found.path, jobs, index: index === undefined ? undefined : within(found.path, index) };
}

async function findConfig(folder: string): Promise<FoundConfig> {
  for (const ending of configEndings) {
    const own = await readIfThere(join(folder, `${CONFIG_NAME}${ending}`));
    if (own) return own;
  }
  const ofPackage = await readIfThere(join(folder, 'package.json'));
  const inner = ofPackage && keyOfPackage(ofPackage);
  if (inner) return inner;
  throw new QuantizeError('config-missing', {
    name: `${CONFIG_NAME}.json`,
    folder: folder === '.' ? 'this folder' : folder,
  });
}

async function readGiven(path: string): Promise<FoundConfig> {
  const found = await readFound(path);
  if (basename(path) !== 'package.json') return found;
  const inner = keyOfPackage(found);
  if (inner) return inner;
  throw valueError(found)([], `has no "${PACKAGE_KEY}" key`, 'Add one, or name another file.');
}

function keyOfPackage({ path, content }: FoundConfig): FoundConfig | undefined {
  const inner = (content as Record<string, unknown> | null)?.[PACKAGE_KEY];
  return inner === undefined ? undefined : { path, content: inner, prefix: [PACKAGE_KEY] };
}

async function readIfThere(path: string): Promise<FoundConfig | undefined> {
  try {
    return await readFound(path);
  } catch (thrown) {
    if (thrown instanceof QuantizeError && thrown.code === 'file-missing') return undefined;
    throw thrown;
  }
}

/** What a file holds, be it JSON, YAML or a module. */
async function readFound(path: string): Promise<FoundConfig> {
  return { path, content: await loadContent(path), prefix: [] };
}

type Place = readonly PropertyKey[];

/** The options that a configuration says for one model. */
function jobOf(found: FoundConfig, place: Place, model: string, settings: JobSettings): Job {
  const fail = valueError(found);
  const local = (path: string | undefined) => (path === undefined ? undefined : within(found.path, path));
  const labelsOf = (given: string | undefined) => (given === FOLDER_LABELS ? given : local(given));
  const { output, data, stats, evalData, labels, preprocess, images, bin, inputRange, recipe, gates } =
    settings;
  const {
    samples,
    seed,
    shapes,
    set,
    threads,
    maxMemory,
    provider,
    baseline,
    metric,
    reports = [],
  } = settings;
  const { trainData, trainLabels } = settings;
  const { auto, origins, suggest, tuneSpeed, plan, savePlan, saveIntegers, classesAxis } = settings;
  (gates ?? []).forEach((gate, i) => {
    inPlace(fail, [...place, 'gates', i], () => parseGate(gate));
  });
  const label = basename(model).replace(/\.onnx$/i, '');
  return {
    model,
    output: local(output),
    data: pathsOf(found.path, data),
    stats: local(stats),
    plan: local(plan),
    learned: local(settings.learned),
    savePlan: local(savePlan),
    saveIntegers: local(saveIntegers),
    evalData: pathsOf(found.path, evalData),
    labels: labelsOf(labels),
    evalSets:
      settings.evalSets &&
      Object.fromEntries(
        Object.entries(settings.evalSets).map(([name, set]) => [
          name,
          { data: pathsOf(found.path, set.data) as Paths, labels: labelsOf(set.labels) },
        ]),
      ),
    classNames: local(settings.classNames),
    trainData: pathsOf(found.path, trainData),
    trainLabels: labelsOf(trainLabels),
    metric: metric !== undefined && isTask(metric) ? metric : local(metric),
    auto: auto && { ...auto, sensitivity: local(auto.sensitivity) },
    ...{ origins, suggest, tuneSpeed },
    preprocess: inPlace(fail, [...place, 'preprocess'], () => preprocessOf(preprocess)),
    pictures: parsePictures(images ?? {}),
    tokenizer: local(settings.tokenizer),
    raw: parseRaw({ binDtype: bin?.dtype, binShape: bin?.shape?.join('x') }),
    inputRange:
      inputRange &&
      inRange(inputRange, () => fail([...place, 'inputRange'], 'is empty', 'Give the least value first.')),
    recipe,
    ...{ samples, seed, shapes, set, classesAxis, threads, maxMemory, provider },
    gates: gates as readonly GateSpec[] | undefined,
    baseline: local(baseline),
    history: local(settings.history),
    reports: reports.map((path) => within(found.path, path.replaceAll('{model}', label))),
  };
}

function preprocessOf(given: JobSettings['preprocess']): QuantizeOptions['preprocess'] {
  if (typeof given === 'string') return parsePreprocess({ preprocess: given });
  const { preset, scale, mean, std, layout } = given ?? {};
  const text = (value: string | number | readonly (string | number)[] | undefined) =>
    value === undefined ? undefined : [value].flat().join(',');
  return parsePreprocess({
    preprocess: preset,
    scale: text(scale),
    mean: text(mean),
    std: text(std),
    layout,
  });
}

function inRange(
  [low, high]: readonly [number, number],
  refuse: () => QuantizeError,
): QuantizeOptions['inputRange'] {
  if (low >= high) throw refuse();
  return { low: [low], high: [high] };
}

type Fail = ReturnType<typeof valueError>;

/** Work on a value; what is wrong with it is told with its place in the file. */
function inPlace<T>(fail: Fail, place: Place, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof QuantizeError)) throw thrown;
    const { gate, flag, problem, mend } = thrown.facts;
    const of = gate === undefined ? `is wrong: ${flag} ${problem}` : `"${gate}" ${problem}`;
    throw fail(place, of, String(mend));
  }
}

/** A path of the file, as seen from the working folder. */
function within(file: string, path: string): string {
  const seen = isAbsolute(path) ? path : join(dirname(file), path);
  // `input=path` names an input on the command line; here a path is a path.
  return seen.includes('=') && !isAbsolute(seen) ? `./${seen}` : seen;
}

function pathsOf(file: string, given: ConfigFile['data']): Paths | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string') return within(file, given);
  if (Array.isArray(given)) return given.map((path) => within(file, path));
  return Object.entries(given).flatMap(([input, paths]) =>
    [paths].flat().map((path) => `${input}=${within(file, path)}`),
  );
}

/** Two jobs that write one file would leave the second's. */
function refuseCollisions(jobs: readonly Job[], fail: Fail): void {
  const written = new Set<string>();
  for (const { output, reports } of jobs) {
    for (const path of [...(output === undefined ? [] : [output]), ...reports]) {
      if (written.has(path)) {
        const mend = 'Give each its own; {model} in the path of a report stands for the name of the model.';
        throw fail([], `writes ${path} twice`, mend);
      }
      written.add(path);
    }
  }
}
