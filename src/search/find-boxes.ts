import type { SampleSource } from '../../calibration/source.js';
import { THREADS } from '../calibrate/calibrate.js';
import { type FoundBoxes, foundBoxes } from '../evaluate/box-errors.js';
import { classAxes } from '../evaluate/class-axes.js';
import { type Layout, layoutOf } from '../evaluate/tasks/boxes.js';
import { detection } from '../evaluate/tasks/detection.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { taskBatch } from './box-trial.js';
import type { SearchSettings } from './find-recipe.js';

/** Samples that boxes are looked for in, and that all errors are measured on; a large model takes fewer. */
export const MOST_SAMPLES = 32;

/** Boxes stand in an output of three axes; the shape of one may be unknown. */
export const mayHaveBoxes = ({ graph }: Model): boolean =>
  graph.outputs.some(({ shape }) => shape === undefined || shape.length >= 3);

/** Where boxes stand in the outputs, and what is found in each run. */
export interface Signs {
  readonly layout: Layout;
  readonly batches: ReadonlyMap<number, readonly FoundBoxes[]>;
}

/** Where boxes stand in the outputs, and the runs of the samples that have some; undefined where there are none. */
export async function findBoxes(
  model: Model,
  source: SampleSource,
  { pause, provider }: SearchSettings,
): Promise<Signs | undefined> {
  const signs = detection.signs(classAxes(model.graph));
  const batches = new Map<number, readonly FoundBoxes[]>();
  let layout: Layout | undefined;
  const settings = { mode: 'basic', threads: THREADS, provider, label: 'the float model' } as const;
  await withModel(model, settings, async (session) => {
    let [index, done] = [0, 0];
    for await (const batch of source.open()) {
      await pause?.();
      const given = taskBatch(await session.run(batch.feed), batch, done);
      signs.add(given);
      if (!signs.finding()) return;
      layout ??= layoutOf(given.outputs.float);
      const all = Array.from({ length: batch.samples }, (_, row) =>
        foundBoxes(given.outputs.float, layout as Layout, row, given),
      );
      const found = all.filter((each) => each !== undefined && each.boxes.length > 0) as FoundBoxes[];
      if (found.length > 0) batches.set(index, found);
      index++;
      done += batch.samples;
      if (done >= MOST_SAMPLES) return;
    }
  });
  return layout && signs.finding()?.isSure ? { layout, batches } : undefined;
}
