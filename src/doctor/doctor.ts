import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { openAll } from '../calibrate/samples.js';
import { type Job, readConfig } from '../config/read-config.js';
import { convertModel } from '../convert/convert-model.js';
import { exitCodes, isSystemError, QuantizeError, reasonOf } from '../errors.js';
import { fedInputs, type Model, node } from '../graph/model.js';
import { loadModel } from '../load/load-model.js';
import { place } from '../place/place.js';
import { checkModel } from '../prepare/check-files.js';
import { encodeModel } from '../proto/encode.js';
import { resolveRecipe } from '../recipe.js';
import { registries } from '../registries.js';
import { formatBytes } from '../report/format.js';
import { describeMachine, memoryBytes, saturates } from '../runtime/machine.js';
import { runtimeVersion, withSession } from '../runtime/session.js';
import { tool } from '../version.js';

/** What one look found. */
export interface Finding {
  /** What was looked at. */
  readonly subject: string;
  /** `note`: works, but something is to be known of it. */
  readonly state: 'fine' | 'note' | 'wrong';
  readonly text: string;
  /** What to do; empty where there is nothing. */
  readonly hint: string;
  /** The exit code that a run would end in. */
  readonly exitCode: number;
}

/** What is looked at. */
export interface DoctorOptions {
  /** A configuration; without it one of this folder, where there is one. */
  readonly config?: string | undefined;
  /** The version of Node.js; this process's without it. */
  readonly nodeVersion?: string | undefined;
}

/** The oldest Node.js that runs this, as package.json says. */
const OLDEST_NODE = [20, 19] as const;

const finding = (
  subject: string,
  state: Finding['state'],
  text: string,
  hint = '',
  exitCode = 0,
): Finding => ({
  ...{ subject, state, text, hint, exitCode },
});

/** Look at everything that a run needs, without running one: the machine, then the configuration, model by model. */
export async function* doctor({ config, nodeVersion }: DoctorOptions = {}): AsyncGenerator<Finding> {
  yield nodeFinding(nodeVersion ?? process.versions.node);
  yield await runtimeFinding();
  yield kernelFinding();
  yield finding('memory', 'fine', `${formatBytes(freemem())} free of ${formatBytes(memoryBytes())}`);
  const found = await looking('configuration', async () => {
    const { path, jobs } = await readConfig({ path: config });
    return { jobs, text: `${path}: ${jobs.map(({ model }) => model).join(', ')}` };
  });
  if ('finding' in found) {
    const isMissing = config === undefined && found.code === 'config-missing';
    yield isMissing
      ? finding(
          'configuration',
          'note',
          'there is none here',
          '`quantize init model.onnx samples/` writes one.',
        )
      : found.finding;
    return;
  }
  yield finding('configuration', 'fine', found.value.text);
  for (const job of found.value.jobs) yield* jobFindings(job);
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  const isOld = major < oldest || (major === oldest && minor < oldestMinor);
  const text = `${version}; ${tool.name} ${tool.version}`;
  if (!isOld) return finding('Node.js', 'fine', text);
  return finding(
    'Node.js',
    'wrong',
    text,
    `Node.js ${OLDEST_NODE.join('.')} or later is needed.`,
    exitCodes.environment,
  );
}

/** x → Relu → y, run. */
async function runtimeFinding(): Promise<Finding> {
  const value = (name: string) => ({ name, dataType: 'float32' as const, shape: [1] });
  const graph: Model['graph'] = {
    ...{ name: 'doctor', nodes: [node('Relu', ['x'], ['y'])], initializers: new Map(), valueInfo: new Map() },
    ...{ inputs: [value('x')], outputs: [value('y')] },
  };
  const model = {
    irVersion: 8,
    opsets: new Map([['', 13]]),
    graph,
    metadata: new Map(),
    batchNorms: new Map(),
  };
  const feed = { x: { type: 'float32' as const, dims: [1], data: Float32Array.of(1) } };
  const found = await looking('onnxruntime', () =>
    withSession(encodeModel(model), { mode: 'default', threads: 1 }, (session) => session.run(feed)),
  );
  return 'finding' in found ? found.finding : finding('onnxruntime', 'fine', `${runtimeVersion} runs`);
}

function kernelFinding(): Finding {
  const machine = describeMachine();
  const { cpu, cores, features } = machine;
  const text = `${cpu}, ${cores} cores${features.length > 0 ? `, ${features.join(' ')}` : ''}`;
  if (saturates(machine) !== true) return finding('integer kernels', 'fine', text);
  const slow = 'Without VNNI integer kernels are slower; files give the same results here and elsewhere.';
  return finding('integer kernels', 'note', text, slow);
}

async function* jobFindings(job: Job): AsyncGenerator<Finding> {
  const found = await looking(job.model, async () => {
    await checkModel(job.model);
    const { model } = await loadModel(job.model);
    convertModel(model, job.model);
    const hasRanges = [job.data, job.stats, job.plan].some((each) => each !== undefined);
    const { weighted } = place(model, resolveRecipe(job.recipe, registries, hasRanges), job.model);
    const inputs = fedInputs(model.graph).map(
      ({ name, shape }) => `${name} [${(shape ?? []).map((dim) => dim ?? '?').join(', ')}]`,
    );
    return { model, text: `takes ${inputs.join(', ')}; ${weighted.length} layers to quantize` };
  });
  if ('finding' in found) {
    yield found.finding;
    return;
  }
  yield finding(job.model, 'fine', found.value.text);
  const { model } = found.value;
  if (job.data !== undefined || job.evalData !== undefined) {
    const samples = await looking(`${job.model}: samples`, () => openAll(model, job));
    if ('finding' in samples) yield samples.finding;
    else {
      const { calibration, evaluation, labels } = samples.value;
      const calibrated = calibration ? [`${calibration.length} to calibrate on`] : [];
      const measured = `${evaluation.length} to measure on${labels ? ', with labels' : ''}`;
      yield finding(`${job.model}: samples`, 'fine', [...calibrated, measured].join(', '));
    }
  }
  if (job.labels === undefined && needsLabels(job))
    yield finding(
      `${job.model}: gates`,
      'wrong',
      'a gate on accuracy has no labels',
      'Give labels, or gate on sqnr.',
      exitCodes.usage,
    );
  for (const path of [job.output ?? job.model, ...job.reports]) {
    const folder = await nearestFolder(dirname(resolve(path)));
    const writable = await looking(`${job.model}: outputs`, () => access(folder, constants.W_OK));
    if ('finding' in writable) yield writable.finding;
  }
}

const needsLabels = ({ gates = [] }: Job): boolean =>
  gates.some((spec) => /^(portable_)?top[15]_drop/.test(typeof spec === 'string' ? spec : spec.gate));

/** The folder, or the one above it that is there: folders of outputs are made. */
async function nearestFolder(folder: string): Promise<string> {
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  return isThere || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

/** What the work gives, or what is wrong with it, as a run would say it. */
async function looking<T>(
  subject: string,
  work: () => Promise<T>,
): Promise<{ value: T } | { finding: Finding; code: string | undefined }> {
  try {
    return { value: await work() };
  } catch (thrown) {
    if (thrown instanceof QuantizeError) {
      const { message, hint, exitCode, code } = thrown;
      return { finding: finding(subject, 'wrong', message, hint, exitCode), code };
    }
    if (isSystemError(thrown))
      return {
        finding: finding(subject, 'wrong', reasonOf(thrown), '', exitCodes.environment),
        code: undefined,
      };
    throw thrown;
  }
}
