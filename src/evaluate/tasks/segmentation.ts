import { numbersOf } from '../../numerics/nd-array.js';
import type { MetricArray } from '../user-metric.js';
import {
  againstFloat,
  argmaxAt,
  bothOf,
  outputFor,
  percent,
  quantizedOf,
  type Sight,
  shown,
  type Task,
} from './task.js';

/** Classes of places against those of the float model. */
export const segmentation = {
  name: 'segmentation',
  summary: 'classes of places against those of float: agreement, miou, worst_iou',
  make() {
    let name: string | undefined;
    let [same, places] = [0, 0];
    const both = new Map<number, number>();
    const either = new Map<number, number>();
    const count = (counts: Map<number, number>, label: number) =>
      counts.set(label, (counts.get(label) ?? 0) + 1);
    return {
      add({ outputs, samples }) {
        name ??= outputFor(
          outputs.float,
          isMap,
          'scores of classes by place, [N, classes, H, W], or classes, [N, H, W]',
        );
        const [float, quantized] = bothOf(outputs, name);
        const sights: Sight[] = [];
        const [reference, other] = [mapsOf(float), mapsOf(quantized)];
        const area = reference.labels.length / samples;
        for (let row = 0; row < samples; row++) {
          const differs = new Uint8Array(area);
          let differing = 0;
          for (let i = 0; i < area; i++) {
            const [a, b] = [
              reference.labels[row * area + i] as number,
              other.labels[row * area + i] as number,
            ];
            count(either, a);
            if (a === b) count(both, a);
            else {
              count(either, b);
              differs[i] = 1;
              differing++;
            }
          }
          same += area - differing;
          places += area;
          const { width, height } = reference;
          sights.push({ row, worth: differing, overlay: { kind: 'mask', width, height, differs } });
        }
        return sights;
      },
      result() {
        const ious = [...either].map(([label, union]) => (both.get(label) ?? 0) / union);
        return {
          agreement: againstFloat(same / places),
          miou: againstFloat(ious.reduce((sum, iou) => sum + iou, 0) / ious.length),
          worst_iou: againstFloat(Math.min(...ious)),
        };
      },
    };
  },
  signs(classes) {
    let found: { evidence: string; isSure: boolean } | undefined;
    let isUnfit = false;
    return {
      add({ outputs: { float }, size }) {
        if (found || isUnfit) return;
        const [name, array] = Object.entries(float).find(([, each]) => isMap(each)) ?? [];
        isUnfit = !name || !array || !size;
        if (isUnfit || !name || !array || !size) return;
        const [, first = 0, second = 0, third = 0] = array.dims;
        const channels = array.dims.length === 3 ? 1 : first;
        const [height, width] = array.dims.length === 3 ? [first, second] : [second, third];
        const isCovering = height === size.height && width === size.width;
        const isChosen = isWhole(array) && channels === 1;
        const isScored = classes.get(name) === 1 && channels > 1;
        isUnfit = !isCovering || !(isChosen || isScored || channels > MOST_COLOURS);
        if (isUnfit) return;
        const what = isChosen ? 'a class' : isScored ? `${channels} classes` : `${channels} numbers`;
        const evidence = `${what} for each of the ${size.height}×${size.width} places of the picture in ${shown(name, array)}`;
        found = { evidence, isSure: isChosen || isScored };
      },
      finding: () => found,
    };
  },
  meaning(numbers) {
    const [agreement, worst] = quantizedOf(numbers, 'agreement', 'worst_iou') ?? [];
    if (agreement === undefined || worst === undefined) return undefined;
    return `${percent(agreement)} of all places keep the class that float gives them; of the class that keeps least, ${percent(worst)} of what either model marks is marked by both.`;
  },
} as const satisfies Task;

/** A map with more numbers a place than this is no picture, with or without transparency. */
const MOST_COLOURS = 4;

const isWhole = ({ type }: MetricArray): boolean => /int|bool/.test(type);

const isMap = (array: MetricArray): boolean =>
  array.dims.length === 4 || (array.dims.length === 3 && isWhole(array));

/** The class of each place, sample by sample. */
function mapsOf(array: MetricArray): { labels: Int32Array; width: number; height: number } {
  const { dims, type, data } = array;
  const values = Float64Array.from(numbersOf({ type, data }));
  const [samples = 1, second = 1, third = 1, fourth = 1] = dims;
  if (dims.length === 3) return { labels: Int32Array.from(values), height: second, width: third };
  // Classes are fewer than places along a side, wherever they stand.
  const isLast = fourth < second;
  const [classes, height, width] = isLast ? [fourth, second, third] : [second, third, fourth];
  const area = height * width;
  if (classes === 1) {
    // A lone score is one of two: a probability, or a logit where it can be negative.
    const isLogit = values.some((value) => value < 0 || value > 1);
    const labels = Int32Array.from(values, (value) =>
      isWhole(array) ? value : Number(value > (isLogit ? 0 : 0.5)),
    );
    return { labels, height, width };
  }
  const labels = new Int32Array(samples * area);
  for (let sample = 0; sample < samples; sample++)
    for (let place = 0; place < area; place++) {
      const start = sample * classes * area + (isLast ? place * classes : place);
      labels[sample * area + place] = argmaxAt(values, start, classes, isLast ? 1 : area);
    }
  return { labels, height, width };
}
