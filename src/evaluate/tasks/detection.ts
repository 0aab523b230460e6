import { areBoxes, boxesOf, iouOf, type Layout, layoutOf } from './boxes.js';
import {
  againstFloat,
  type Box,
  percent,
  quantizedOf,
  type Sight,
  shown,
  type Task,
  type TaskBatch,
  UnfitTask,
} from './task.js';

/** Boxes that overlap by this share are the same object (PASCAL VOC, Everingham et al. 2010). */
const MATCH = 0.5;

/** Boxes against those of the float model, which stand for the truth. */
export const detection = {
  name: 'detection',
  summary: 'boxes against those of float, of SSD, UltraFace and YOLO: f1, precision, recall, mean_iou',
  make() {
    let layout: Layout | undefined;
    const all = { matched: 0, float: 0, quantized: 0, iou: 0 };
    return {
      add(batch) {
        const { outputs, samples } = batch;
        layout ??= layoutOf(outputs.float);
        const sights: Sight[] = [];
        for (let row = 0; row < samples; row++) {
          const float = boxesOf(outputs.float, layout, row, batch);
          const quantized = boxesOf(outputs.quantized, layout, row, batch);
          const overlaps = matched(float, quantized);
          all.matched += overlaps.length;
          all.float += float.length;
          all.quantized += quantized.length;
          all.iou += overlaps.reduce((sum, iou) => sum + iou, 0);
          // Boxes without a partner are what to look at; then those that moved, then any.
          const lone = float.length + quantized.length - 2 * overlaps.length;
          const moved = overlaps.reduce((sum, iou) => sum + (1 - iou), 0);
          if (float.length + quantized.length > 0)
            sights.push({ row, worth: lone + moved / 100, overlay: { kind: 'boxes', float, quantized } });
        }
        return sights;
      },
      result() {
        const { matched: both, float, quantized, iou } = all;
        return {
          f1: againstFloat((2 * both) / (float + quantized)),
          precision: againstFloat(both / quantized),
          recall: againstFloat(both / float),
          mean_iou: againstFloat(iou / both),
          boxes: { float, quantized },
        };
      },
    };
  },
  /** @param isJoined - whether the graph joins four fields with others in the output that has both */
  signs(classes, isJoined = false) {
    let layout: Layout | undefined;
    let shapes = '';
    const seen = { objects: 0, samples: 0, isUnfit: false };
    return {
      add(batch) {
        const { float } = batch.outputs;
        layout ??= joinedLayout(knownLayout(float), isJoined);
        // A sequence of classes has the shape of YOLO's boxes.
        if (!layout || (layout.kind !== 'apart' && classes.has(layout.output))) seen.isUnfit = true;
        if (!layout || seen.isUnfit) return;
        shapes ||= shapesOf(layout, float);
        for (let row = 0; row < batch.samples; row++) {
          if (!areBoxes(float, layout, row, batch)) seen.isUnfit = true;
          else seen.objects += boxesOf(float, layout, row, batch).length;
        }
        seen.samples += batch.samples;
      },
      finding() {
        if (seen.isUnfit || seen.samples === 0) return undefined;
        const found = seen.objects === 0 ? 'no object' : objects(seen.objects);
        const evidence = `${shapes}: ${found} in ${seen.samples} picture${seen.samples === 1 ? '' : 's'}`;
        return { evidence, isSure: seen.objects > 0, things: seen.objects };
      },
    };
  },
  meaning(numbers) {
    const boxes = numbers.boxes;
    const [f1 = 0, precision = 0, recall = 0] = quantizedOf(numbers, 'f1', 'precision', 'recall') ?? [];
    if (!boxes || boxes.float === null || boxes.quantized === null) return undefined;
    const found = `The float model finds ${objects(boxes.float)}, the quantized one ${boxes.quantized.toLocaleString('en-US')}`;
    if (boxes.float === 0 || boxes.quantized === 0) return `${found}.`;
    if (f1 === 1) return `${found}: the same.`;
    return `${found}: ${percent(recall)} of float's are found again, and ${percent(precision)} of what is found is float's.`;
  },
} as const satisfies Task;

const objects = (n: number) => `${n.toLocaleString('en-US')} object${n === 1 ? '' : 's'}`;

type Outputs = TaskBatch['outputs']['float'];

function knownLayout(outputs: Outputs): Layout | undefined {
  try {
    return layoutOf(outputs);
  } catch (thrown) {
    if (thrown instanceof UnfitTask) return undefined;
    throw thrown;
  }
}

/** A layout with what the graph says of it. */
export const joinedLayout = <L extends Layout | undefined>(layout: L, isJoined: boolean): L =>
  isJoined && layout && (layout.kind === 'rows' || layout.kind === 'columns')
    ? { ...layout, isJoined }
    : layout;

function shapesOf(layout: Layout, outputs: Outputs): string {
  const names = layout.kind === 'apart' ? [layout.boxes, layout.scores] : [layout.output];
  const all = names.flatMap((name) => (outputs[name] ? shown(name, outputs[name]) : []));
  return `output${all.length === 1 ? '' : 's'} ${all.join(' and ')}`;
}

/** The overlap of each pair: the surest box takes the one of its class that it covers best. */
function matched(float: readonly Box[], quantized: readonly Box[]): number[] {
  const left = new Set(float);
  const overlaps: number[] = [];
  for (const box of quantized) {
    let best: { box: Box; iou: number } | undefined;
    for (const other of left) {
      const iou = other.label === box.label ? iouOf(other, box) : 0;
      if (iou >= MATCH && iou > (best?.iou ?? 0)) best = { box: other, iou };
    }
    if (!best) continue;
    left.delete(best.box);
    overlaps.push(best.iou);
  }
  return overlaps;
}
