import { expect, it } from 'vitest';
import { evaluate } from '../../src/evaluate/evaluate.js';
import type { Meter } from '../../src/evaluate/user-metric.js';
import { encodeModel } from '../../src/proto/encode.js';
import { between, finish, Net } from '../support/nets.js';
import { type QuantizedModel, quantizeModel, sourceOf } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFile } from '../support/temporary-file.js';

const evaluated = (
  { float, emitted, placement, bytes, feeds }: QuantizedModel,
  labels: readonly number[] | undefined,
  inTurn = false,
  metric?: Meter,
) =>
  evaluate(
    {
      floatFile: temporaryFile('m.onnx', encodeModel(float)),
      quantized: bytes,
      folded: float,
      placement,
      emitted,
      inTurn,
    },
    { calibration: undefined, evaluation: sourceOf(feeds), kind: 'evaluation', labels },
    { threads: 1, makeMetric: metric && (async () => metric) },
  );

it('a classifier: outputs, layers in order, accuracy and speed', async () => {
  const net = new Net();
  net.input('x', [1, 8]);
  net.gemm(net.node('Relu', [net.gemm('x', 'h', 8, 8)], 'r'), 'y', 8, 3);
  const quantized = await quantizeModel(finish(net, 'y'));
  const { outputs, task, layers, speed } = await evaluated(quantized, [0, 0, 0]);
  expect(outputs.map(({ name }) => name)).toEqual(['y']);
  expect(outputs[0]?.deployed.sqnrDb).toBeGreaterThan(25);
  expect(layers.map(({ id }) => id)).toEqual(['h', 'y']);
  expect(task?.samples).toBe(3);
  expect(speed?.ratio).toBeGreaterThan(0);
});

it('finds the same with one model in memory at a time', async () => {
  const net = new Net();
  net.input('x', [1, 8]);
  net.gemm(net.node('Relu', [net.gemm('x', 'h', 8, 8)], 'r'), 'y', 8, 3);
  const quantized = await quantizeModel(finish(net, 'y'));
  const { speed, ...found } = await evaluated(quantized, [0, 1, 2], true);
  const { speed: _, ...expected } = await evaluated(quantized, [0, 1, 2]);
  expect(found).toEqual(expected);
  expect(speed?.ratio).toBeCloseTo((speed?.floatMs ?? 0) / (speed?.quantizedMs ?? 1), 12);
});

it('gives labels to a metric where no output has classes', async () => {
  const quantized = await quantizeModel(between((_, v) => v));
  const seen: (readonly number[] | undefined)[] = [];
  const metric: Meter = {
    add: async (_, labels) => void seen.push(labels),
    result: async () => [],
  };
  const { task } = await evaluated(quantized, [4, 5, 6], false, metric);
  expect([task, seen[0]]).toEqual([undefined, [4, 5, 6]]);
});

it('refuses labels where no output has classes, and names the outputs', async () => {
  const quantized = await quantizeModel(between((_, v) => v));
  const error = await expectRefusal(() => evaluated(quantized, [0, 0, 0]), 'labels-need-classes', 2);
  expect(error.facts.outputs).toBe('y');
  expect((await evaluated(quantized, undefined)).task).toBeUndefined();
});
