import {
  areBoxes,
  type Corners,
  iouOf,
  type Layout,
  type Places,
  pixelsOf,
  placesOf,
  sidesOf,
} from './tasks/boxes.js';
import type { TaskBatch } from './tasks/task.js';

/** Boxes are looked at where float scores them by more. */
const LEAST_SCORE = 0.1;
/** A score is lost where it is not even half of that. */
const LOST = LEAST_SCORE / 2;
/** What a corner may be off by, as a share of the picture. */
const BOX_TOLERANCE = 0.01;

type Outputs = TaskBatch['outputs']['float'];

/** One box of a sample that the float model scores by more than 0.1. */
interface FloatBox {
  readonly place: number;
  readonly label: number;
  readonly score: number;
  readonly corners: Corners;
}

/** What the float model finds in a sample. */
export interface FoundBoxes {
  readonly boxes: readonly FloatBox[];
  readonly layout: Layout;
  readonly row: number;
  /** Sides of the picture in the unit of the corners. */
  readonly width: number;
  readonly height: number;
}

/**
 * The boxes that a float model scores by more than 0.1, before any suppression.
 *
 * @returns undefined where its numbers are not those of a detector of that layout
 */
export function foundBoxes(
  outputs: Outputs,
  layout: Layout,
  row: number,
  batch: TaskBatch,
): FoundBoxes | undefined {
  if (!areBoxes(outputs, layout, row, batch)) return undefined;
  const places = placesOf(outputs, layout, row);
  const boxes: FloatBox[] = [];
  for (let place = 0; place < places.count; place++) {
    const { label, score } = places.best(place);
    if (score > LEAST_SCORE) boxes.push({ place, label, score, corners: places.corners(place) });
  }
  const { width, height } = sidesOf(
    boxes.map(({ corners }) => corners),
    batch,
    pixelsOf(outputs, layout, row, batch),
  );
  return { boxes, layout, row, width, height };
}

/** What became of the boxes of a sample, in the units of what is tolerated: 1 is a corner that is off by 1 % of the picture, or a score that is lost. */
export interface BoxErrors {
  readonly corners: Float64Array;
  readonly scores: Float64Array;
}

/**
 * How far boxes move, by the corner that moves most, and how much of their score goes.
 *
 * Each stands against the same place of the other outputs; what is left after suppression has none, and stands against the box of
 * its class that covers it best.
 */
export function boxErrors(found: FoundBoxes, outputs: Outputs): BoxErrors {
  const { boxes, layout, row, width, height } = found;
  const places = placesOf(outputs, layout, row);
  const errors: BoxErrors = {
    corners: new Float64Array(boxes.length),
    scores: new Float64Array(boxes.length),
  };
  for (const [i, box] of boxes.entries()) {
    const place = layout.kind === 'final' ? coveringPlace(box, places) : box.place;
    // One that nothing covers is lost, and tells nothing of its corners.
    const corners = place === undefined ? box.corners : places.corners(place);
    const score = place === undefined ? 0 : places.score(place, box.label);
    const off = box.corners.map(
      (at, side) => Math.abs(at - (corners[side] as number)) / (side % 2 ? height : width),
    );
    errors.corners[i] = finite(Math.max(...off) / BOX_TOLERANCE);
    errors.scores[i] = finite(Math.max(0, box.score - score) / (box.score - LOST));
  }
  return errors;
}

/** What is no number is as far off as can be. */
const finite = (error: number): number => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);

/** Where a box of the same class covers another by half. */
function coveringPlace({ corners, label }: FloatBox, places: Places): number | undefined {
  let best: { place: number; iou: number } | undefined;
  for (let place = 0; place < places.count; place++) {
    if (places.best(place).label !== label) continue;
    const iou = iouOf(sided(corners), sided(places.corners(place)));
    if (iou >= 0.5 && iou > (best?.iou ?? 0)) best = { place, iou };
  }
  return best?.place;
}

const sided = ([left, top, right, bottom]: Corners) => ({ left, top, right, bottom });
