import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/evaluate/tasks/boxes.js';
import { detection } from '../../../src/evaluate/tasks/detection.js';
import { embedding } from '../../../src/evaluate/tasks/embedding.js';
import { ocr } from '../../../src/evaluate/tasks/ocr.js';
import { perplexity } from '../../../src/evaluate/tasks/perplexity.js';
import { rareEvent } from '../../../src/evaluate/tasks/rare-event.js';
import { segmentation } from '../../../src/evaluate/tasks/segmentation.js';
import type { Task, TaskBatch } from '../../../src/evaluate/tasks/task.js';
import type { MetricArray } from '../../../src/evaluate/user-metric.js';
import type { Feed } from '../../../src/numerics/nd-array.js';

type Arrays = Record<string, MetricArray>;
const array = (dims: number[], values: number[]): MetricArray => ({
  ...{ type: 'float32', dims, data: Float32Array.from(values) },
});

function run(
  task: Task,
  float: Arrays,
  quantized: Arrays,
  { labels = null as number[] | null, inputs = {} as Feed, samples = 1 } = {},
) {
  const batch: TaskBatch = {
    ...{ outputs: { float, quantized }, labels, inputs, samples, index: 0 },
    size: { width: 100, height: 100 },
  };
  const meter = task.make();
  return { sights: meter.add(batch), result: meter.result() };
}

// Three candidates: two that overlap by more than 0.45, and one apart; the background comes first.
const corners = [0.1, 0.1, 0.5, 0.5, 0.11, 0.1, 0.5, 0.5, 0.6, 0.6, 0.9, 0.9];
const ssd = (scores: number[], places = corners): Arrays => ({
  boxes: array([1, 3, 4], places),
  scores: array(
    [1, 3, 2],
    scores.flatMap((score) => [1 - score, score]),
  ),
});

test('detection: boxes that overlap are one, and each stands against one of float', () => {
  const { result, sights } = run(detection, ssd([0.9, 0.8, 0.7]), ssd([0.9, 0.8, 0.2]));
  // Two boxes in float, one of them found again: precision 1, recall 1/2, F1 2/3.
  expect(result.boxes).toEqual({ float: 2, quantized: 1 });
  expect([result.precision.quantized, result.recall.quantized]).toEqual([1, 0.5]);
  expect(result.f1.quantized).toBeCloseTo(2 / 3, 12);
  expect(result.mean_iou.quantized).toBe(1);
  expect(sights?.[0]?.worth).toBe(1);
});

test('detection: the same box as YOLO writes it, by rows and by columns, in pixels', () => {
  // Centre 30, 30, size 40: corners 0.1 to 0.5 of 100 pixels; six others with no score.
  const row = [30, 30, 40, 40, 0.9, 0.1, 0.8, 0];
  const rows = { out: array([1, 9, 8], [...row, ...Array(64).fill(0)]) };
  const column = [30, 30, 40, 40, 0.1, 0.72, 0];
  const columns = {
    out: array(
      [1, 7, 9],
      column.flatMap((value) => [value, ...Array(8).fill(0)]),
    ),
  };
  expect([layoutOf(rows).kind, layoutOf(columns).kind]).toEqual(['rows', 'columns']);
  for (const outputs of [rows, columns]) {
    const { sights } = run(detection, outputs, outputs);
    const overlay = sights?.[0]?.overlay;
    if (overlay?.kind !== 'boxes') throw new Error('no boxes');
    const [box] = overlay.float;
    expect([box?.left, box?.top, box?.right, box?.bottom]).toEqual([0.1, 0.1, 0.5, 0.5]);
    expect(box?.score).toBeCloseTo(0.72, 6);
    expect(box?.label).toBe(1);
  }
});

test('segmentation: agreement and intersection over union, by hand', () => {
  // Four places, classes 0 0 1 1 against 0 1 1 1: unions 2 and 3, intersections 1 and 2.
  const map = (labels: number[]) => ({
    out: array(
      [1, 2, 2, 2],
      [0, 1].flatMap((label) => labels.map((own) => Number(own === label))),
    ),
  });
  const { result } = run(segmentation, map([0, 0, 1, 1]), map([0, 1, 1, 1]));
  expect(result.agreement.quantized).toBe(0.75);
  expect(result.miou.quantized).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
  expect(result.worst_iou.quantized).toBe(0.5);
});

test('embedding: cosines, and the nearest other sample', () => {
  const float = { out: array([3, 2], [1, 0, 0.9, 0.1, 0, 1]) };
  const quantized = { out: array([3, 2], [2, 0, 0.1, 0.9, 0, 3]) };
  const { result } = run(embedding, float, quantized, { samples: 3 });
  expect(result.least_cosine.quantized).toBeCloseTo(0.18 / 0.82, 6);
  // The second is nearest to the first in float, to the third after; so are the others' nearest but the third's.
  expect(result.same_nearest.quantized).toBeCloseTo(2 / 3, 12);
});

test('ocr: texts by CTC, edits by hand', () => {
  const path = (labels: number[]) => ({
    out: array(
      [1, labels.length, 3],
      labels.flatMap((own) => [0, 1, 2].map((label) => Number(label === own))),
    ),
  });
  // 1 1 _ 1 2 reads "112", 1 _ _ 2 _ reads "12": one edit of three.
  const { result } = run(ocr, path([1, 1, 0, 1, 2]), path([1, 0, 0, 2, 0]));
  expect(result.same_texts.quantized).toBe(0);
  expect(result.character_error.quantized).toBeCloseTo(1 / 3, 12);
});

test('rare-event: by float, and by labels', () => {
  const scores = (values: number[]) => ({ out: array([4, 1], values) });
  const [float, quantized] = [scores([0.9, 0.8, 0.1, 0.2]), scores([0.9, 0.4, 0.6, 0.2])];
  const { result } = run(rareEvent, float, quantized, { samples: 4 });
  expect(result.hit_rate).toEqual({ float: 1, quantized: 0.5 });
  expect(result.false_alarm_rate).toEqual({ float: 0, quantized: 0.5 });
  const labelled = run(rareEvent, float, quantized, { samples: 4, labels: [1, 1, 1, 0] });
  expect(labelled.result.hit_rate.float).toBeCloseTo(2 / 3, 12);
  expect(labelled.result.misses).toEqual({ float: 1, quantized: 1 });
});

test('perplexity: the tokens that follow in the input, and what a mask hides left out', () => {
  // Uniform scores over 4 tokens: a perplexity of 4, whatever follows.
  const uniform = { out: array([1, 3, 4], Array(12).fill(0)) };
  const sure = { out: array([1, 3, 4], [0, Math.log(3), 0, 0, 0, 0, Math.log(3), 0, 0, 0, 0, 0]) };
  const ids = { type: 'int64', dims: [1, 3], data: BigInt64Array.from([0n, 1n, 2n]) } as const;
  const { result } = run(perplexity, uniform, sure, { inputs: { ids } });
  expect(result.perplexity.float).toBeCloseTo(4, 12);
  // The token that follows has a share of 3 in 6, both times.
  expect(result.perplexity.quantized).toBeCloseTo(2, 6);
  const mask = { type: 'int64', dims: [1, 3], data: BigInt64Array.from([1n, 1n, 0n]) } as const;
  const masked = run(perplexity, uniform, sure, { inputs: { ids, attention_mask: mask } });
  expect(masked.result.perplexity.quantized).toBeCloseTo(2, 6);
});

test.each([detection, segmentation, embedding, ocr, rareEvent, perplexity])(
  '$name says what it needs where a model has nothing of it',
  (task) => {
    const outputs = { odd: array([1, 1, 1, 1, 7], [1, 2, 3, 4, 5, 6, 7]) };
    expect(() => run(task, outputs, outputs)).toThrow(/it needs .*odd \[1, 1, 1, 1, 7\]/);
  },
);
