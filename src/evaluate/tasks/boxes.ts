import { numbersOf } from '../../numerics/nd-array.js';
import type { MetricArray } from '../user-metric.js';
import { argmaxAt, type Box, type TaskBatch, unfitOutputs } from './task.js';

/**
 * How outputs hold boxes. `isJoined`: the graph joins four fields with the others, so that they are boxes whatever their unit is.
 */
export type Layout =
  /** Corners and scores apart, as of SSD and UltraFace. */
  | { readonly kind: 'apart'; readonly boxes: string; readonly scores: string; readonly labels?: string }
  /** [N, n, 5 + C]: centre, size, objectness, classes: YOLOv3 to v7. */
  | { readonly kind: 'rows'; readonly output: string; readonly isJoined?: boolean }
  /** [N, 4 + C, n]: centre, size, classes: YOLOv8 and later. */
  | { readonly kind: 'columns'; readonly output: string; readonly isJoined?: boolean }
  /** [N, n, 6]: corners, score, class: what is left after suppression. */
  | { readonly kind: 'final'; readonly output: string };

/** Scores below this are no box: 0.5 where they are probabilities of their own, 0.25 as YOLO's own tools have it. */
const LEAST_SCORE = { apart: 0.5, rows: 0.25, columns: 0.25, final: 0.25 } as const;

/** Boxes of one class that overlap more are one (greedy suppression). */
const SAME_BOX = 0.45;

/** Boxes of a picture, at most. */
const MOST_BOXES = 300;

type Outputs = Readonly<Record<string, MetricArray>>;

/** @throws UnfitTask where no output holds boxes in a way that is known */
export function layoutOf(outputs: Outputs): Layout {
  const all = Object.entries(outputs);
  const boxes = all.find(([, { dims }]) => dims.length >= 3 && dims.at(-1) === 4 && (dims[1] ?? 0) > 1);
  if (boxes) {
    const [name, { dims }] = boxes;
    const beside = all.filter(([other, array]) => other !== name && array.dims[1] === dims[1]);
    const labels = beside.find(([other]) => /class|label/i.test(other) && beside.length > 1);
    const scores = beside.find(([other]) => other !== labels?.[0]);
    if (scores)
      return { kind: 'apart', boxes: name, scores: scores[0], ...(labels && { labels: labels[0] }) };
  }
  for (const [output, { dims }] of all) {
    const [, first = 0, second = 0] = dims;
    if (dims.length !== 3 || Math.min(first, second) < 5) continue;
    if (second === 6 && first <= 1000) return { kind: 'final', output };
    return { kind: first < second ? 'columns' : 'rows', output };
  }
  throw unfitOutputs(
    outputs,
    'boxes as SSD has them ([N, n, 4] and scores) or YOLO ([N, n, 5 + classes], [N, 4 + classes, n], [N, n, 6])',
  );
}

/** The places of one sample that a detector scores, by number. Corners are as the model gives them. */
export interface Places {
  readonly count: number;
  readonly corners: (place: number) => Corners;
  /** The class of the highest score, whatever it is. */
  readonly best: (place: number) => { readonly label: number; readonly score: number };
  /** The score of that class, by its label. */
  readonly score: (place: number, label: number) => number;
}

/** Left, top, right and bottom. */
export type Corners = readonly [number, number, number, number];

export function placesOf(outputs: Outputs, layout: Layout, row: number): Places {
  return layout.kind === 'apart' ? apart(outputs, layout, row) : joint(outputs, layout, row);
}

/** Sides of a picture in the unit of corners. */
interface Sides {
  readonly width: number;
  readonly height: number;
}

/** Beyond so many sides of a picture corners are pixels, not shares of it. */
const MOST_SHARES = 2;
/** Sides of pictures that detectors are made for are multiples of the stride of their coarsest map. */
const COARSEST = 32;

/**
 * What corners are divided by to be shares of the picture: beyond one side they are pixels.
 *
 * @param pixels - the sides of the picture that they are pixels of; those of the sample by default
 */
export function sidesOf(
  boxes: readonly Corners[],
  { size }: Pick<TaskBatch, 'size'>,
  pixels: Sides | undefined = size,
): Sides {
  const isPixels = boxes.some(([, , right, bottom]) => right > MOST_SHARES || bottom > MOST_SHARES);
  return isPixels && pixels ? pixels : { width: 1, height: 1 };
}

/**
 * The sides of the picture that corners are pixels of. Where the graph says that they are boxes, and centres are beyond the picture, it
 * is one of another size: its longer side is the next multiple of 32 beyond all centres.
 *
 * @returns undefined where it is not known what a sample is a picture of
 */
export function pixelsOf(
  outputs: Outputs,
  layout: Layout,
  row: number,
  { size }: Pick<TaskBatch, 'size'>,
): Sides | undefined {
  if (!size || !('isJoined' in layout && layout.isJoined)) return size;
  const { count, at } = tableOf(outputs, layout, row);
  let far = 0;
  for (let i = 0; i < count; i++) far = Math.max(far, at(i, 0) / size.width, at(i, 1) / size.height);
  if (far < 1 + BEYOND || !Number.isFinite(far)) return size;
  const longer = Math.max(size.width, size.height);
  const side = COARSEST * Math.ceil((far * longer) / COARSEST);
  return { width: (size.width / longer) * side, height: (size.height / longer) * side };
}

/** The boxes of one sample, in shares of the picture, the best first, each once. */
export function boxesOf(outputs: Outputs, layout: Layout, row: number, batch: TaskBatch): Box[] {
  const { count, corners, best } = placesOf(outputs, layout, row);
  const found: { corners: Corners; label: number; score: number }[] = [];
  for (let place = 0; place < count; place++) {
    const { label, score } = best(place);
    if (score >= LEAST_SCORE[layout.kind]) found.push({ corners: corners(place), label, score });
  }
  const { width, height } = sidesOf(
    found.map(({ corners }) => corners),
    batch,
    pixelsOf(outputs, layout, row, batch),
  );
  const scaled = found.map(({ corners: [left, top, right, bottom], ...rest }) => ({
    ...{ left: left / width, top: top / height, right: right / width, bottom: bottom / height, ...rest },
  }));
  scaled.sort((a, b) => b.score - a.score);
  const kept: Box[] = [];
  for (const box of scaled) {
    if (kept.length === MOST_BOXES) break;
    const isNew = kept.every((other) => other.label !== box.label || iouOf(other, box) <= SAME_BOX);
    if (layout.kind === 'final' || isNew) kept.push(box);
  }
  return kept;
}

/** What lies outside of the picture by more than this share of it is no place in it. */
const BEYOND = 0.5;

/**
 * Whether the numbers of a sample are such as a detector of that layout gives: corners in their order and near the picture,
 * of YOLO's in pixels unless the graph joins them, scores of 0 to 1. Features and maps of probabilities in the same shapes are not.
 */
export function areBoxes(outputs: Outputs, layout: Layout, row: number, batch: TaskBatch): boolean {
  if (!batch.size) return false;
  if (layout.kind === 'apart')
    return boxesOf(outputs, layout, row, batch).every(
      ({ left, top, right, bottom }) =>
        left <= right &&
        top <= bottom &&
        [left, top].every((at) => at > -BEYOND) &&
        Math.max(right, bottom) < 1 + BEYOND,
    );
  const { count, fields, at } = tableOf(outputs, layout, row);
  const all = Array.from({ length: count }, (_, i) => i);
  const scores = layout.kind === 'final' ? [4] : Array.from({ length: fields - 4 }, (_, i) => 4 + i);
  const isScored = all.every((i) => scores.every((field) => at(i, field) >= 0 && at(i, field) <= 1));
  const isPixels = all.some((i) => Math.max(at(i, 2), at(i, 3)) > MOST_SHARES);
  // Maps of probabilities are shares of something, too.
  if (!isPixels && !('isJoined' in layout && layout.isJoined)) return false;
  const sides = isPixels ? pixelsOf(outputs, layout, row, batch) : { width: 1, height: 1 };
  const isInside = all.every((i) =>
    ([0, 1] as const).every((axis) => {
      const side = axis === 0 ? sides?.width : sides?.height;
      const [near, far] = [at(i, axis), at(i, axis + 2)];
      const [low, high] = layout.kind === 'final' ? [near, far] : [near - far / 2, near + far / 2];
      return (
        side !== undefined &&
        low <= high &&
        (low + high) / 2 > -BEYOND * side &&
        (low + high) / 2 < (1 + BEYOND) * side
      );
    }),
  );
  const areLabels = layout.kind !== 'final' || all.every((i) => Number.isInteger(at(i, 5)));
  return isScored && isInside && areLabels;
}

type Edges = Pick<Box, 'left' | 'top' | 'right' | 'bottom'>;

/** Intersection over union of two boxes. */
export function iouOf(a: Edges, b: Edges): number {
  const area = ({ left, top, right, bottom }: Edges) => Math.max(0, right - left) * Math.max(0, bottom - top);
  const both = area({
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  });
  const union = area(a) + area(b) - both;
  return union > 0 ? both / union : 0;
}

function valuesOf(
  outputs: Outputs,
  name: string,
  row: number,
): { values: Float64Array; dims: readonly number[] } {
  const array = outputs[name] as MetricArray;
  const dims = array.dims.slice(1);
  const length = dims.reduce((product, dim) => product * dim, 1);
  const data = array.data.subarray(row * length, (row + 1) * length) as typeof array.data;
  return { values: Float64Array.from(numbersOf({ type: array.type, data })), dims };
}

function apart(outputs: Outputs, layout: Extract<Layout, { kind: 'apart' }>, row: number): Places {
  const boxes = valuesOf(outputs, layout.boxes, row).values;
  const { values, dims } = valuesOf(outputs, layout.scores, row);
  const labels = layout.labels === undefined ? undefined : valuesOf(outputs, layout.labels, row).values;
  const [count = 0] = dims;
  const classes = dims.length > 1 ? (dims.at(-1) ?? 1) : 1;
  const areLogits = values.some((value) => value < 0 || value > 1.001);
  // TensorFlow's detectors give the top before the left.
  const [x, y] = /detection_boxes/i.test(layout.boxes) ? [1, 0] : [0, 1];
  const sharesAt = (place: number) => {
    const scores = values.subarray(place * classes, (place + 1) * classes);
    return areLogits ? shareOf(scores) : scores;
  };
  // The first of several is the background.
  const bestOf = (shares: Float64Array) => (classes > 1 ? 1 + argmaxAt(shares, 1, classes - 1) : 0);
  return {
    count,
    corners(place) {
      const at = 4 * place;
      return [boxes[at + x], boxes[at + y], boxes[at + 2 + x], boxes[at + 2 + y]] as unknown as Corners;
    },
    best(place) {
      const shares = sharesAt(place);
      const best = bestOf(shares);
      return { label: labels ? (labels[place] as number) : best, score: shares[best] as number };
    },
    score(place, label) {
      const shares = sharesAt(place);
      return shares[labels ? bestOf(shares) : label] as number;
    },
  };
}

/** Softmax, or the logistic function of a lone one. */
function shareOf(logits: Float64Array): Float64Array {
  if (logits.length === 1) return logits.map((value) => 1 / (1 + Math.exp(-value)));
  const most = logits.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

type Joint = Exclude<Layout, { kind: 'apart' }>;

/** The boxes of a sample, each with its fields, whether they lie in rows or in columns. */
function tableOf(outputs: Outputs, layout: Joint, row: number) {
  const { values, dims } = valuesOf(outputs, layout.output, row);
  const [first = 0, second = 0] = dims;
  const isColumns = layout.kind === 'columns';
  const [count, fields] = isColumns ? [second, first] : [first, second];
  const at = (i: number, field: number) =>
    values[isColumns ? field * count + i : i * fields + field] as number;
  return { values, isColumns, count, fields, at };
}

function joint(outputs: Outputs, layout: Joint, row: number): Places {
  const { values, isColumns, count, fields, at } = tableOf(outputs, layout, row);
  const from = layout.kind === 'rows' ? 5 : 4;
  const isFinal = layout.kind === 'final';
  const score = (place: number, label: number): number => {
    if (isFinal) return at(place, 4);
    const own = fields > from ? at(place, from + label) : 1;
    return layout.kind === 'rows' ? at(place, 4) * own : own;
  };
  return {
    count,
    score,
    corners(place) {
      const [a, b, c, d] = [at(place, 0), at(place, 1), at(place, 2), at(place, 3)];
      return isFinal ? [a, b, c, d] : [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
    },
    best(place) {
      if (isFinal) return { label: at(place, 5), score: at(place, 4) };
      const start = isColumns ? from * count + place : place * fields + from;
      const label = argmaxAt(values, start, fields - from, isColumns ? count : 1);
      return { label, score: score(place, label) };
    },
  };
}
