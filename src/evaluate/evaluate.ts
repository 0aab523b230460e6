import type { SampleSource } from '../../calibration/source.js';
import { firstFeed, type Samples } from '../calibrate/samples.js';
import type { EmittedModel } from '../emit/emit-model.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import type { MachineOptions } from '../options.js';
import type { Placement } from '../place/placement.js';
import { withSession } from '../runtime/session.js';
import { compareLayers, type LayerDrift } from './compare-layers.js';
import {
  type ComparedSessions,
  compareOutputs,
  type OutputDrift,
  type TaskAccuracy,
} from './compare-outputs.js';
import { layerPairs } from './layer-pairs.js';
import { measureSpeed, type Speed } from './measure-speed.js';

/** Float against quantized. */
export interface Evaluation {
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | undefined;
  readonly layers: readonly LayerDrift[];
  readonly speed: Speed;
}

/** How the comparison runs. */
export interface EvaluationSettings extends MachineOptions {
  /** Wraps the samples of the longest part, to tell how far it is. */
  readonly told?: (source: SampleSource) => SampleSource;
}

/** The models that are compared. */
export interface EvaluatedModels {
  /** Path of the file that the user gave. */
  readonly floatPath: string;
  readonly quantizedBytes: Uint8Array;
  readonly folded: Model;
  readonly placement: Placement;
  readonly emitted: EmittedModel;
}

/**
 * Run the float and the quantized model over the samples: drift of each output and each layer, accuracy, speed.
 *
 * @throws QuantizeError where labels are given and no output holds class scores
 */
export async function evaluate(
  models: EvaluatedModels,
  samples: Samples,
  { threads, provider, told = (source) => source }: EvaluationSettings = {},
): Promise<Evaluation> {
  const { floatPath, quantizedBytes, folded, placement, emitted } = models;
  const machine = { threads, provider };
  const { outputs, task } = await withSessions(models, machine, (sessions) =>
    compareOutputs(told(samples.evaluation), sessions, samples.labels),
  );
  if (samples.labels && !task) {
    throw new QuantizeError('labels-need-classes', { outputs: outputs.map(({ name }) => name).join(', ') });
  }
  const { model, pairs } = layerPairs(placement, emitted);
  const layers = await compareLayers(samples.evaluation, folded, model, pairs, machine);
  const speed = await measureSpeed(floatPath, quantizedBytes, await firstFeed(samples.evaluation), machine);
  return { outputs, task, layers, speed };
}

async function withSessions<T>(
  { floatPath, quantizedBytes }: EvaluatedModels,
  machine: MachineOptions,
  work: (sessions: ComparedSessions) => Promise<T>,
): Promise<T> {
  const label = 'the quantized model';
  return withSession(floatPath, { ...machine, mode: 'default', label: 'the float model' }, (float) =>
    withSession(quantizedBytes, { ...machine, mode: 'default', label }, (deployed) =>
      withSession(quantizedBytes, { ...machine, mode: 'exact', label }, (exact) =>
        work({ float, deployed, exact }),
      ),
    ),
  );
}
