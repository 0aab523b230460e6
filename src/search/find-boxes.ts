import type { SampleSource } from '../../calibration/source.js';
import { firstFeed } from '../calibrate/samples.js';
import { THREADS } from '../calibrate/session-threads.js';
import { type FoundBoxes, foundBoxes } from '../evaluate/box-errors.js';
import { classAxes } from '../evaluate/class-axes.js';
import { type Layout, layoutOf } from '../evaluate/tasks/boxes.js';
import { detection, joinedLayout } from '../evaluate/tasks/detection.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { taskBatch } from './box-trial.js';
import type { SearchSettings } from './find-recipe.js';
import { joinsBoxes } from './joined-boxes.js';

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
  const { graph } = model;
  const isJoined = await joinsBoxes(model, await firstFeed(source), {
    mode: 'basic',
    threads: THREADS,
    provider,
  });
  const signs = detection.signs(classAxes(graph), isJoined);
  const batches = new Map<number, readonly FoundBoxes[]>();
  let layout: Layout | undefined;
  const settings = { mode: 'basic', threads: THREADS, provider, label: 'the float model' } as const;
  await withModel(model, settings, async (session) => {
    // Samples may be sorted: those that are looked at lie evenly among all.
    const every = Math.max(1, Math.floor(source.length / MOST_SAMPLES));
    let [index, done, passed] = [0, 0, 0];
    for await (const batch of source.open()) {
      await pause?.();
      const isAsked = passed >= every * done;
      passed += batch.samples;
      if (!isAsked) {
        index++;
        continue;
      }
      const given = taskBatch(await session.run(batch.feed), batch, done);
      signs.add(given);
      if (!signs.finding()) return;
      layout ??= joinedLayout(layoutOf(given.outputs.float), isJoined);
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
  const isSure = signs.finding()?.isSure || (isJoined && signs.finding() !== undefined && batches.size > 0);
  return layout && isSure ? { layout, batches: inOneUnit(batches) } : undefined;
}

/** Boxes of all samples with the sides of one picture: those of most are told by the sample whose boxes reach furthest. */
function inOneUnit(
  batches: ReadonlyMap<number, readonly FoundBoxes[]>,
): ReadonlyMap<number, readonly FoundBoxes[]> {
  const all = [...batches.values()].flat();
  const width = Math.max(...all.map((found) => found.width));
  const height = Math.max(...all.map((found) => found.height));
  return new Map([...batches].map(([at, found]) => [at, found.map((each) => ({ ...each, width, height }))]));
}
