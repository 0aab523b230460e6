import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Preprocess } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import { firstFeed, type Samples } from '../calibrate/samples.js';
import type { EmittedModel } from '../emit/emit-model.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { withTemporaryFolder } from '../load/temporary-folder.js';
import type { MachineOptions } from '../options.js';
import type { Placement } from '../place/placement.js';
import { withSession } from '../runtime/session.js';
import { compareLayers, type LayerDrift } from './compare-layers.js';
import {
  type ComparedSessions,
  compareOutputs,
  EXACT_SAMPLES,
  type OutputDrift,
  type TaskAccuracy,
} from './compare-outputs.js';
import { layerPairs } from './layer-pairs.js';
import { measureSpeed, type Speed } from './measure-speed.js';
import { type Mistake, MistakeCollector } from './mistake.js';
import { record } from './recording.js';

/** Float against quantized. */
export interface Evaluation {
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | undefined;
  readonly layers: readonly LayerDrift[];
  /** Empty without labels. */
  readonly mistakes: readonly Mistake[];
  readonly speed: Speed;
}

/** How the comparison runs. */
export interface EvaluationSettings extends MachineOptions {
  /** Wraps the samples of the longest part, to tell how far it is. */
  readonly told?: (source: SampleSource) => SampleSource;
  /** How pixels became inputs, so that samples can be shown as they were. */
  readonly preprocess?: Preprocess | undefined;
}

/** The models that are compared. */
export interface EvaluatedModels {
  /** Path of the file that the user gave. */
  readonly floatPath: string;
  /** The bytes of its .onnx file, or its path. */
  readonly quantized: Uint8Array | string;
  readonly folded: Model;
  readonly placement: Placement;
  readonly emitted: EmittedModel;
  /** Whether only one model may be loaded at a time, since each takes much memory. */
  readonly inTurn?: boolean;
}

/**
 * Run the float and the quantized model over the samples: drift of each output and each layer, accuracy, speed.
 *
 * @throws QuantizeError where labels are given and no output holds class scores
 */
export async function evaluate(
  models: EvaluatedModels,
  samples: Samples,
  { threads, provider, told = (source) => source, preprocess }: EvaluationSettings = {},
): Promise<Evaluation> {
  const { floatPath, quantized, folded, placement, emitted, inTurn } = models;
  const machine = { threads, provider };
  const collector = samples.labels && new MistakeCollector(samples.labels, samples.evaluation, preprocess);
  const open = inTurn ? withRecordings : withSessions;
  const { outputs, task } = await open(models, samples.evaluation, machine, (sessions) =>
    compareOutputs(told(samples.evaluation), sessions, samples.labels, collector?.see),
  );
  if (samples.labels && !task) {
    throw new QuantizeError('labels-need-classes', { outputs: outputs.map(({ name }) => name).join(', ') });
  }
  const { model, pairs } = layerPairs(placement, emitted);
  const layers = await compareLayers(samples.evaluation, folded, model, pairs, machine, inTurn);
  const feed = await firstFeed(samples.evaluation);
  const speed = await measureSpeed(floatPath, quantized, feed, machine, inTurn);
  return { outputs, task, layers, mistakes: (await collector?.mistakes()) ?? [], speed };
}

type Open = <T>(
  models: EvaluatedModels,
  source: SampleSource,
  machine: MachineOptions,
  work: (sessions: ComparedSessions) => Promise<T>,
) => Promise<T>;

const label = 'the quantized model';

const withSessions: Open = ({ floatPath, quantized }, _, machine, work) =>
  withSession(floatPath, { ...machine, mode: 'default', label: 'the float model' }, (float) =>
    withSession(quantized, { ...machine, mode: 'default', label }, (deployed) =>
      withSession(quantized, { ...machine, mode: 'exact', label }, (exact) =>
        work({ float, deployed, exact }),
      ),
    ),
  );

/** One model in memory at a time: what the others gave is read back from a file. */
const withRecordings: Open = ({ floatPath, quantized }, source, machine, work) =>
  withTemporaryFolder(join(tmpdir(), 'onnx-quantize-'), async (folder) => {
    const settings = { ...machine, mode: 'default' } as const;
    const float = await withSession(floatPath, { ...settings, label: 'the float model' }, (session) =>
      record(session, source, join(folder, 'float')),
    );
    const exact = await withSession(quantized, { ...machine, mode: 'exact', label }, (session) =>
      record(session, source, join(folder, 'exact'), EXACT_SAMPLES),
    );
    return withSession(quantized, { ...settings, label }, (deployed) => work({ float, deployed, exact }));
  });
