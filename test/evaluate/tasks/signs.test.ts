import { expect, test } from 'vitest';
import type { ClassAxis } from '../../../src/evaluate/class-axes.js';
import { detection } from '../../../src/evaluate/tasks/detection.js';
import { embedding } from '../../../src/evaluate/tasks/embedding.js';
import { segmentation } from '../../../src/evaluate/tasks/segmentation.js';
import type { Task } from '../../../src/evaluate/tasks/task.js';
import type { MetricArray } from '../../../src/evaluate/user-metric.js';

type Arrays = Record<string, MetricArray>;
const floats = (dims: number[], values: ArrayLike<number>): MetricArray => ({
  ...{ type: 'float32', dims, data: Float32Array.from(values) },
});
const filled = (dims: number[], of: (i: number) => number): MetricArray =>
  floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => of(i)),
  );

const picture = { height: 100, width: 200 };

/** What a task finds in the outputs of one run on pictures of 100 × 200. */
function look(
  task: Task,
  float: Arrays,
  axes: Record<string, ClassAxis> = {},
  size: typeof picture | null = picture,
) {
  const meter = task.signs?.(new Map(Object.entries(axes)));
  const [first] = Object.values(float);
  const samples = first?.dims[0] ?? 1;
  meter?.add({
    outputs: { float, quantized: float },
    labels: null,
    index: 0,
    samples,
    inputs: {},
    size: size ?? undefined,
  });
  return meter?.finding();
}

const corners = [0.1, 0.1, 0.5, 0.5, 0.6, 0.6, 0.9, 0.9];
const ssd = (scores: number[], places = corners): Arrays => ({
  boxes: floats([1, 2, 4], places),
  scores: floats(
    [1, 2, 2],
    scores.flatMap((score) => [1 - score, score]),
  ),
});

/** YOLOv5's rows: centre, size, objectness, three classes; one of nine is an object. */
const rows = (scale = 1): Arrays => {
  const row = [30, 30, 40, 40].map((value) => value * scale);
  const none = [100, 50, 8, 8].map((value) => value * scale);
  return {
    output: floats(
      [1, 9, 8],
      [
        ...row,
        0.9,
        0.1,
        0.8,
        0,
        ...Array(8)
          .fill([...none, 0, 0, 0, 0])
          .flat(),
      ],
    ),
  };
};

test('a detector: objects that it finds are counted; without any it may be none', () => {
  expect(look(detection, ssd([0.9, 0.1]))).toEqual({
    evidence: 'outputs boxes [1, 2, 4] and scores [1, 2, 2]: 1 object in 1 picture',
    ...{ isSure: true, things: 1 },
  });
  expect(look(detection, ssd([0.2, 0.1]))).toMatchObject({ isSure: false, things: 0 });
  expect(look(detection, rows())).toMatchObject({ isSure: true, things: 1 });
});

test('no detector: corners in no order, no picture, shares for pixels, a sequence of classes, features', () => {
  expect(look(detection, ssd([0.9, 0.8], [0.5, 0.5, 0.1, 0.1, 0.6, 0.6, 0.9, 0.9]))).toBeUndefined();
  expect(look(detection, ssd([0.9, 0.1]), {}, null)).toBeUndefined();
  expect(look(detection, rows(0.01))).toBeUndefined();
  expect(look(detection, rows(), { output: -1 })).toBeUndefined();
  expect(look(detection, { tokens: filled([1, 50, 64], (i) => 5 * Math.sin(i)) })).toBeUndefined();
  expect(look(detection, { logits: filled([1, 10], Number) })).toBeUndefined();
});

test('a segmenter: as large as the picture, with classes by the graph or their numbers', () => {
  const scores = filled([1, 3, 100, 200], (i) => Math.sin(i));
  expect(look(segmentation, { out: scores }, { out: 1 })).toEqual({
    evidence: '3 classes for each of the 100×200 places of the picture in out [1, 3, 100, 200]',
    isSure: true,
  });
  const chosen: MetricArray = { type: 'int64', dims: [1, 100, 200], data: new BigInt64Array(20_000) };
  expect(look(segmentation, { out: chosen })).toMatchObject({ isSure: true });
  // 21 logits a place may be features, three without a Softmax are a picture, others are no places of it.
  expect(look(segmentation, { out: filled([1, 21, 100, 200], Number) })).toMatchObject({ isSure: false });
  expect(look(segmentation, { out: scores })).toBeUndefined();
  expect(look(segmentation, { out: filled([1, 3, 25, 50], Number) }, { out: 1 })).toBeUndefined();
});

test('an embedder: vectors of length 1, or a name that exporters give', () => {
  // 32 values of ±√(1/32).
  const unit = filled([2, 32], (i) => (i % 3 ? 1 : -1) * Math.sqrt(1 / 32));
  expect(look(embedding, { vectors: unit })).toEqual({
    ...{ evidence: 'vectors of length 1 in vectors [2, 32] on 2 samples', isSure: true },
  });
  expect(look(embedding, { last_hidden_state: filled([1, 5, 32], Number) })?.isSure).toBe(true);
  // Probabilities of one sure class have that length, too; quaternions are short; logits have any.
  expect(look(embedding, { out: filled([1, 32], (i) => Number(i === 3)) })).toBeUndefined();
  expect(look(embedding, { out: filled([1, 4], (i) => (i % 2 ? 0.5 : -0.5)) })).toBeUndefined();
  expect(look(embedding, { out: filled([1, 32], (i) => i - 9) })).toBeUndefined();
  expect(look(embedding, { vectors: unit }, { vectors: -1 })).toBeUndefined();
});
