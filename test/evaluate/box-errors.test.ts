import { describe, expect, test } from 'vitest';
import { boxErrors, type FoundBoxes, foundBoxes } from '../../src/evaluate/box-errors.js';
import type { Layout } from '../../src/evaluate/tasks/boxes.js';
import type { TaskBatch } from '../../src/evaluate/tasks/task.js';

const array = (dims: number[], ...data: number[]) => ({
  type: 'float32' as const,
  dims,
  data: Float32Array.from(data),
});

type Outputs = TaskBatch['outputs']['float'];

const batchOf = (float: Outputs): TaskBatch => ({
  outputs: { float, quantized: float },
  ...{ labels: null, index: 0, samples: 1, inputs: {}, size: { height: 50, width: 100 } },
});

const rounded = (values: Float64Array) => [...values].map((value) => Number(value.toFixed(4)));

function errorsOf(layout: Layout, float: Outputs, made: Outputs) {
  const found = foundBoxes(float, layout, 0, batchOf(float)) as FoundBoxes;
  const { corners, scores } = boxErrors(found, made);
  return { corners: rounded(corners), scores: rounded(scores) };
}

describe('errors of boxes, by hand', () => {
  const apart: Layout = { kind: 'apart', boxes: 'boxes', scores: 'scores' };
  const boxes = (...corners: number[]) => array([1, corners.length / 4, 4], ...corners);
  const scores = (...of: number[]) => array([1, of.length, 2], ...of.flatMap((s) => [1 - s, s]));
  const float = {
    boxes: boxes(0, 0, 0.5, 0.5, 0.1, 0.2, 0.3, 0.4, 0, 0, 1, 1),
    scores: scores(0.9, 0.2, 0.09),
  };

  test('the corner that moves most, in hundredths of the picture, of what float scores above 0.1', () => {
    const moved = { ...float, boxes: boxes(0, 0.02, 0.5, 0.47, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 1, 1) };
    expect(errorsOf(apart, float, moved)).toEqual({ corners: [3, 0], scores: [0, 0] });
  });

  test('1 where of a score less than 0.05 is left; one that grows costs nothing', () => {
    const lower = { ...float, scores: scores(0.95, 0.05, 0) };
    expect(errorsOf(apart, float, lower)).toEqual({ corners: [0, 0], scores: [0, 1] });
    expect(errorsOf(apart, float, { ...float, scores: scores(0.475, 0.2, 0) }).scores).toEqual([0.5, 0]);
  });

  test('what is no number is as far off as can be', () => {
    const broken = { ...float, boxes: boxes(...Array(12).fill(Number.NaN)) };
    expect(errorsOf(apart, float, broken).corners).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  test('centre and size in pixels: each side by its own length', () => {
    const columns: Layout = { kind: 'columns', output: 'out' };
    // [1, 4 + 1, 2]: a box at 50, 25 of 20 × 10, and one that is no object.
    const pixels = (y: number, width: number) => ({
      out: array([1, 5, 2], 50, 10, y, 10, width, 4, 10, 4, 0.8, 0.05),
    });
    // One pixel down is 2 % of 50; 4 more in width are 2 on each side, 2 % of 100.
    expect(errorsOf(columns, pixels(25, 20), pixels(26, 20)).corners).toEqual([2]);
    expect(errorsOf(columns, pixels(25, 20), pixels(25, 24)).corners).toEqual([2]);
  });

  test('behind suppression each stands against the one of its class that covers it, wherever that stands', () => {
    const final: Layout = { kind: 'final', output: 'out' };
    const rows = (...values: number[][]) => ({ out: array([1, values.length, 6], ...values.flat()) });
    const made = rows([60, 20, 80, 40, 0.7, 1], [10, 10, 31, 30, 0.8, 0]);
    const first = rows([10, 10, 30, 30, 0.8, 0], [60, 20, 80, 40, 0.7, 2]);
    // The first by a pixel of 100; the second has no other of its class.
    expect(errorsOf(final, first, made)).toEqual({ corners: [1, 0], scores: [0, 1.0769] });
  });
});

test('numbers that are no boxes are none', () => {
  const apart: Layout = { kind: 'apart', boxes: 'boxes', scores: 'scores' };
  const float = { boxes: array([1, 1, 4], 0.9, 0.9, 0.1, 0.1), scores: array([1, 1, 2], 0.1, 0.9) };
  expect(foundBoxes(float, apart, 0, batchOf(float))).toBeUndefined();
});
