import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { FOLDER_LABELS } from '../../calibration/labels.js';
import { openAll, type Samples } from '../calibrate/samples.js';
import { Watch } from '../calibrate/watch.js';
import { convertModel } from '../convert/convert-model.js';
import { withCommit } from '../emit/commit.js';
import { exitCodes, QuantizeError } from '../errors.js';
import { type ClassAxis, classAxes } from '../evaluate/class-axes.js';
import { isPicture, isPixels } from '../evaluate/first-norms.js';
import { foldModel } from '../fold/fold-model.js';
import { defaultForm } from '../fold/folded-form.js';
import { fedInputs, type Model } from '../graph/model.js';
import { loadModel } from '../load/load-model.js';
import { withScratch } from '../load/temporary.js';
import { withModel } from '../load/with-model.js';
import type { GateSpec, RunHooks } from '../options.js';
import { checkModel } from '../prepare/check-files.js';
import { splitPath } from '../report/reproduce.js';
import type { Result } from '../report/result.js';
import { quantize } from '../run/quantize.js';
import { asTheyAre, type Candidate, candidatesFor, rawValues } from './candidates.js';
import { choose, type Proposal } from './choose.js';
import { type Evidence, measureCandidate } from './evidence.js';
import { type FoundTask, findTask } from './find-task.js';
import { gatesFor } from './gates.js';
import type { PipelineService } from './pipeline.js';

/** What a configuration is made from. */
export interface InitOptions extends RunHooks {
  readonly model: string;
  /** Calibration samples. */
  readonly data: readonly string[];
  readonly evalData?: readonly string[] | undefined;
  readonly labels?: string | undefined;
  /** Where the configuration is to be; `quantize.config.json` without it. */
  readonly output?: string | undefined;
  /** Write over files that are there. */
  readonly force?: boolean | undefined;
  readonly pipeline?: PipelineService | undefined;
  /** Asked where the evidence does not decide; the first candidate is taken without it. */
  readonly ask?: ((proposal: Proposal) => Promise<Candidate>) | undefined;
}

/** What was found, and written. */
export interface InitOutcome {
  /** Undefined where the samples are taken as they are, and nothing else can be. */
  readonly proposal: Proposal | undefined;
  readonly chosen: Candidate;
  /** What the model is for, where its outputs tell: a sure one is the metric of the configuration. */
  readonly task: FoundTask | undefined;
  readonly result: Result;
  readonly gates: readonly GateSpec[];
  /** In the order that they were written. */
  readonly written: readonly string[];
}

const CONFIG_NAME = 'quantize.config.json';
const REPORTS = ['quantize-report.html', 'quantize.junit.xml'];
const SCHEMA = './node_modules/onnx-quantize/schema/quantize.config.schema.json';

/** Samples that are looked at to find out what they hold. */
const LOOKED_AT = 16;

/**
 * Write a configuration that runs: the preprocessing by what the float model makes of the samples, the gates by a run of
 * the main job.
 *
 * @throws QuantizeError `output-exists` where a file is there already, and what the main job throws
 */
export async function init(options: InitOptions): Promise<InitOutcome> {
  const path = options.output ?? CONFIG_NAME;
  // A service looks for its file at the root of the repository, where this is run.
  const pipelinePath = options.pipeline?.path;
  for (const each of [path, ...(pipelinePath ? [pipelinePath] : [])])
    if (!options.force && existsSync(each)) throw new QuantizeError('output-exists', { path: each });
  await checkModel(options.model);
  const watch = new Watch(options);

  await watch.begin('load');
  const { model } = await loadModel(options.model);
  convertModel(model, options.model);
  const inputs = fedInputs(model.graph);
  await foldModel(model, defaultForm);
  const original: Model = { ...model, graph: { ...model.graph, inputs } };

  await watch.begin('look at samples');
  const proposal = await propose(options, original, model, watch);
  const chosen = proposal ? await decide(proposal, options) : asTheyAre;

  const data = { data: options.data, evalData: options.evalData, labels: options.labels };
  // With labels the accuracy is what counts.
  const task =
    options.labels === undefined
      ? await openAll(original, { ...data, preprocess: chosen.preprocess }).then(({ evaluation }) =>
          findTask(model, watch.withProgress(evaluation), classAxes(model.graph)),
        )
      : undefined;
  const metric = task?.isSure ? task.name : undefined;
  const { onStep, onProgress, onEstimate, onDetail, signal } = options;
  const hooks = { onStep, onProgress, onEstimate, onDetail, signal };
  const result = await withScratch((folder) =>
    quantize({
      ...{ ...data, ...hooks, model: options.model, preprocess: chosen.preprocess, metric, suggest: false },
      output: join(folder, 'model.onnx'),
    }),
  );
  const gates = gatesFor(result, task?.things);

  const config = configOf(path, options, { config: chosen.config, metric, gates });
  const written = [path];
  if (pipelinePath) await mkdir(dirname(pipelinePath), { recursive: true });
  await withCommit(async (files) => {
    if (options.pipeline && pipelinePath) {
      await files.write(pipelinePath, options.pipeline.file(path.split(sep).join('/')));
      written.push(pipelinePath);
    }
    await files.write(path, `${JSON.stringify(config, null, 2)}\n`);
  });
  return { proposal, chosen, task, result, gates, written };
}

const decide = ({ ranked, ...rest }: Proposal, { ask }: InitOptions): Promise<Candidate> | Candidate => {
  const [first] = ranked;
  if (!first) throw new Error('a proposal without candidates');
  return rest.isTie && ask ? ask({ ranked, ...rest }) : first.candidate;
};

/** What the configuration file says; its paths are relative to itself, as it will be read. */
function configOf(
  path: string,
  { model, data, evalData, labels }: InitOptions,
  found: Pick<Candidate, 'config'> & { metric: string | undefined; gates: readonly GateSpec[] },
): Record<string, unknown> {
  const folder = dirname(resolve(path));
  const near = (file: string): string => {
    const found = relative(folder, resolve(file));
    return isAbsolute(found) ? found : found.split(sep).join('/');
  };
  // A configuration names the input in the key, a flag in front of the path: `input=path`, where no file is called so.
  const all = (paths: readonly string[]) => {
    const byInput = new Map<string | undefined, string[]>();
    for (const given of paths) {
      const { input, path } = existsSync(given) ? { input: undefined, path: given } : splitPath(given);
      byInput.set(input, [...(byInput.get(input) ?? []), near(path)]);
    }
    const oneOrAll = (found: readonly string[] = []) => (found.length === 1 ? found[0] : found);
    if (byInput.size === 1 && byInput.has(undefined)) return oneOrAll(byInput.get(undefined));
    if (byInput.has(undefined))
      throw new QuantizeError('bad-option', {
        flag: 'The samples',
        problem: 'name the input of some files, and not of others',
        mend: 'Write input=path for each of them.',
      });
    return Object.fromEntries([...byInput].map(([input, found]) => [input, oneOrAll(found)]));
  };
  return {
    $schema: SCHEMA,
    model: near(model),
    data: all(data),
    ...(evalData && { evalData: all(evalData) }),
    ...(labels !== undefined && { labels: labels === FOLDER_LABELS ? labels : near(labels) }),
    ...(found.config !== undefined && { preprocess: found.config }),
    ...(found.metric !== undefined && { metric: found.metric }),
    recipe: { bits: 8 },
    gates: found.gates,
    reports: REPORTS,
  };
}

/** The candidates that the samples can be opened with, measured; undefined where samples are inputs as they are. */
async function propose(
  options: InitOptions,
  original: Model,
  folded: Model,
  watch: Watch,
): Promise<Proposal | undefined> {
  const { data, evalData, labels } = options;
  const open = (candidate: Candidate) =>
    openAll(original, { data, evalData, labels, preprocess: candidate.preprocess });
  const plain = await open(asTheyAre).catch((thrown) => {
    if (thrown instanceof QuantizeError && thrown.code === 'data-needs-preprocess') return undefined;
    throw thrown;
  });
  if (plain && !(await holdsPixels(plain))) return undefined;
  const candidates = candidatesFor(await largestOf(plain ?? (await open(rawValues))));
  const axes: ReadonlyMap<string, ClassAxis> = classAxes(folded.graph, {
    mayRank: labels !== undefined,
    hasLabels: labels !== undefined,
  });
  const settings = { mode: 'basic', threads: 1, label: 'the float model' } as const;
  const evidence = await withModel(folded, settings, async (session) => {
    const found: Evidence[] = [];
    let refused: unknown;
    for (const candidate of candidates) {
      await watch.pause();
      const samples = await open(candidate).catch((thrown) => {
        // A preset of three colours does not fit samples of one.
        if (!(thrown instanceof QuantizeError && thrown.exitCode === exitCodes.usage)) throw thrown;
        refused ??= thrown;
      });
      if (!samples) continue;
      const { evaluation: source } = samples;
      found.push(
        await measureCandidate(
          candidate,
          { source, labels: samples.labels },
          { model: folded, session, axes },
        ),
      );
    }
    if (found.length === 0) throw refused;
    return found;
  });
  return choose(evidence);
}

/** Whether float samples are pictures that nobody has prepared. */
async function holdsPixels({ evaluation }: Samples): Promise<boolean> {
  let done = 0;
  for await (const { feed, samples } of evaluation.open()) {
    if (!Object.values(feed).some((value) => isPicture(value) && isPixels(value.data as ArrayLike<number>)))
      return false;
    done += samples;
    if (done >= LOOKED_AT) break;
  }
  return done > 0;
}

async function largestOf({ evaluation }: Samples): Promise<number> {
  let [largest, done] = [Number.NEGATIVE_INFINITY, 0];
  for await (const { feed, samples } of evaluation.open()) {
    for (const { data } of Object.values(feed))
      for (const value of data as ArrayLike<number> & Iterable<number>)
        largest = Math.max(largest, Number(value));
    done += samples;
    if (done >= LOOKED_AT) break;
  }
  return largest;
}
