import type { SampleSource } from '../../calibration/source.js';
import type { ClassAxis } from '../evaluate/class-axes.js';
import type { Finding } from '../evaluate/tasks/task.js';
import { tasks } from '../evaluate/tasks/tasks.js';
import { pictureSize } from '../evaluate/thumbnail.js';
import { metricBatch } from '../evaluate/user-metric.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';

/** A task that a model has, and what tells it. */
export interface FoundTask extends Finding {
  readonly name: string;
}

/** So many samples are looked at: some pictures hold nothing that a detector finds. */
const SAMPLES = 64;

/**
 * The task whose signs the float model shows on the samples: a sure one before one that may be.
 *
 * @param model - the folded float model
 * @param axes - where the graph says that outputs have classes
 * @returns undefined where it shows none
 */
export async function findTask(
  model: Model,
  source: SampleSource,
  axes: ReadonlyMap<string, ClassAxis>,
): Promise<FoundTask | undefined> {
  const signs = tasks.flatMap(({ name, signs }) => (signs ? { name, meter: signs(axes) } : []));
  await withModel(model, { mode: 'basic', threads: 1, label: 'the float model' }, async (session) => {
    let done = 0;
    for await (const batch of source.open()) {
      const outputs = await session.run(batch.feed);
      const given = metricBatch({ float: outputs, quantized: outputs }, undefined, batch, done);
      for (const { meter } of signs) meter.add({ ...given, inputs: batch.feed, size: pictureSize(batch) });
      done += batch.samples;
      if (done >= SAMPLES) break;
    }
  });
  const found = signs.flatMap(({ name, meter }) => {
    const finding = meter.finding();
    return finding ? { name, ...finding } : [];
  });
  return found.find(({ isSure }) => isSure) ?? found[0];
}
