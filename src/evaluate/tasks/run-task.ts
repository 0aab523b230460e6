import type { Preprocess } from '../../../calibration/preprocess.js';
import type { Batch, SampleSource } from '../../../calibration/source.js';
import { QuantizeError } from '../../errors.js';
import type { NdArray } from '../../numerics/nd-array.js';
import { drawMask, drawPicture, type Picture, pictureOf, pictureSize } from '../thumbnail.js';
import { type Meter, metricBatch, type UserMetric } from '../user-metric.js';
import type { TaskPicture } from './picture.js';
import { type Overlay, type Sight, type Task, type TaskMeter, UnfitTask } from './task.js';

/** Samples that are shown: what a page can hold, and a person looks at. */
const KEPT = 6;

interface Kept extends Omit<Sight, 'row'> {
  readonly sample: number;
  readonly image: Picture | undefined;
}

/** A task's metric over one comparison. */
export class TaskRun implements Meter {
  readonly #task: Task;
  readonly #meter: TaskMeter;
  #kept: Kept[] = [];

  constructor(task: Task) {
    this.#task = task;
    this.#meter = task.make();
  }

  /** @throws QuantizeError `bad-option` where the model's outputs are not those of the task */
  async add(
    outputs: Readonly<Record<'float' | 'quantized', ReadonlyMap<string, NdArray>>>,
    labels: readonly number[] | undefined,
    batch: Batch,
    index: number,
  ): Promise<void> {
    const sights = this.#within(() =>
      this.#meter.add({
        ...metricBatch(outputs, labels, batch, index),
        ...{ inputs: batch.feed, size: pictureSize(batch) },
      }),
    );
    for (const { row, worth, overlay } of sights ?? []) this.#keep(worth, overlay, batch, row, index);
  }

  async result(): Promise<UserMetric[]> {
    const finite = (value: number) => (Number.isFinite(value) ? value : null);
    return Object.entries(this.#within(() => this.#meter.result())).map(([name, { float, quantized }]) => ({
      ...{ name, float: finite(float), quantized: finite(quantized) },
    }));
  }

  async pictures({ names }: SampleSource, preprocess: Preprocess | undefined): Promise<TaskPicture[]> {
    const pictures: TaskPicture[] = [];
    for (const { sample, image, overlay } of this.#kept) {
      const { width, height } = image ?? (overlay.kind === 'mask' ? overlay : { width: 1, height: 1 });
      pictures.push({
        ...{ sample, source: names?.[sample] ?? null, width, height },
        picture: image ? await drawPicture(image, preprocess) : null,
        boxes: overlay.kind === 'boxes' ? { float: overlay.float, quantized: overlay.quantized } : null,
        mask: overlay.kind === 'mask' ? await drawMask(overlay) : null,
      });
    }
    return pictures;
  }

  #keep(worth: number, overlay: Overlay, batch: Batch, row: number, index: number): void {
    const least = this.#kept.at(-1)?.worth ?? Number.NEGATIVE_INFINITY;
    if (this.#kept.length === KEPT && !(worth > least)) return;
    this.#kept.push({ worth, overlay, sample: index + row, image: pictureOf(batch, row) });
    this.#kept.sort((a, b) => b.worth - a.worth || a.sample - b.sample);
    this.#kept = this.#kept.slice(0, KEPT);
  }

  #within<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof UnfitTask)) throw thrown;
      const problem = `${this.#task.name} does not fit this model: ${thrown.message}`;
      const mend = 'Choose another, or give a module of your own; `quantize tasks` lists them.';
      throw new QuantizeError('bad-option', { flag: '--metric', problem, mend }, { cause: thrown });
    }
  }
}
