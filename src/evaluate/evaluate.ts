import { firstFeed, type Samples } from '../calibrate/samples.js';
import type { EmittedModel } from '../emit/emit-model.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
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
  threads: number | undefined,
): Promise<Evaluation> {
  const { floatPath, quantizedBytes, folded, placement, emitted } = models;
  const { outputs, task } = await withSessions(models, threads, (sessions) =>
    compareOutputs(samples.evaluation, sessions, samples.labels),
  );
  if (samples.labels && !task) {
    throw new QuantizeError('labels-need-classes', { outputs: outputs.map(({ name }) => name).join(', ') });
  }
  const { model, pairs } = layerPairs(placement, emitted);
  const layers = await compareLayers(samples.evaluation, folded, model, pairs, threads);
  const speed = await measureSpeed(floatPath, quantizedBytes, await firstFeed(samples.evaluation), threads);
  return { outputs, task, layers, speed };
}

async function withSessions<T>(
  { floatPath, quantizedBytes }: EvaluatedModels,
  threads: number | undefined,
  work: (sessions: ComparedSessions) => Promise<T>,
): Promise<T> {
  const label = 'the quantized model';
  return withSession(floatPath, { mode: 'default', threads, label: 'the float model' }, (float) =>
    withSession(quantizedBytes, { mode: 'default', threads, label }, (deployed) =>
      withSession(quantizedBytes, { mode: 'exact', threads, label }, (exact) =>
        work({ float, deployed, exact }),
      ),
    ),
  );
}
