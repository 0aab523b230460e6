import { describe, expect, it, test } from 'vitest';
import {
  beyondWarnings,
  chanceWarnings,
  fewSamplesWarning,
  fitWarnings,
  joinWarnings,
  portableWarnings,
} from '../../src/report/trust-warnings.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { sampleResult } from '../support/result.js';

test('few samples are said, none and many are not', () => {
  expect(fewSamplesWarning('calibration', 3).join()).toMatch(/^Only 3 calibration samples/);
  expect([0, 16, 512].flatMap((n) => fewSamplesWarning('calibration', n))).toEqual([]);
});

describe('labels that the float model cannot guess', () => {
  const { task } = sampleResult();
  const of = (float: number, classes: number, samples: number) =>
    chanceWarnings(task && { ...task, float, classes, samples }).join();
  it.each([
    [0.1, 10, 1000, true],
    [0.11, 10, 1000, true],
    [0.5, 2, 800, true],
    // Three standard errors of 0.018 above a half.
    [0.56, 2, 800, false],
    [0.9, 10, 1000, false],
    [0.01, 1000, 5000, false],
  ])('right on %f of %i classes, %i samples: %s', (float, classes, samples, told) => {
    expect(/where guessing gives/.test(of(float, classes, samples))).toBe(told);
  });

  it('say nothing where there are none', () => expect(chanceWarnings(null)).toEqual([]));
});

test('samples beyond the calibrated ranges: the worst value, and how many more', () => {
  const [text] = beyondWarnings([
    { name: 'x', share: 0.68 },
    { name: 'h', share: 0.02 },
    { name: 'y', share: 0.001 },
  ]);
  expect(text).toMatch(/^68\.00 % of "x" on the samples measured on .*, and 1 value more: it is clipped/);
  expect(beyondWarnings([{ name: 'y', share: 0.001 }])).toEqual([]);
});

test('a Concat of values decades apart is told, with the flag that parts them, and the flag does it', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 4, 4]);
  g.constant(
    'boxes.w',
    [4, 2, 1, 1],
    [9, 8, 7, 6, 5, 9, 8, 7].map((w) => 100 * w),
  );
  g.constant('scores.w', [4, 2, 1, 1], randomFloats(8, 2));
  g.node('Conv', ['x', 'boxes.w'], 'boxes');
  g.node('Conv', ['x', 'scores.w'], 'scores');
  g.node('Concat', ['boxes', 'scores'], 'joined', { axis: 1 });
  g.constant('w', [2, 8, 1, 1], randomFloats(16, 3));
  g.node('Conv', ['joined', 'w'], 'y');
  g.output('y', [1, 2, 4, 4]);
  const told = async (exclude: string[]) => {
    const { float, plan } = await quantizeModel(g.build(), { exclude });
    const reported = { ...plan, raisedChannels: new Map(), weightBytes: { stored: 0, packed: 0 } };
    return joinWarnings(float.graph, reported);
  };
  const [text] = await told([]);
  expect(text).toMatch(/^"joined" joins "scores" \(up to [\d.]+\) and "boxes" \(up to .*--exclude "joined"/);
  expect(await told(['joined'])).toEqual([]);
});

test('what a file gives without VNNI, where that is something else', () => {
  const { outputs, task } = sampleResult();
  const [output] = outputs;
  if (!output || !task) throw new Error('the sample has an output');
  const there = {
    ...{ layers: 2, pairs: 1459, samples: 64 },
    outputs: [{ name: output.name, drift: { ...output.deployed, sqnrDb: 16.2 } }],
    task: { ...task, quantized: 0.5 },
  };
  const [text] = portableWarnings(there, { outputs, task }, { assumeVnni: true });
  expect(text).toContain('1,459 pairs of weights in 2 layers can overflow int16');
  expect(text).toContain('top-1 50.00 % of 91.62 %, output "logits" 16.2 dB, elsewhere 30.6 dB.');
  expect(text).toContain('Without --assume-vnni');
  expect(portableWarnings(there, { outputs, task }).join()).not.toContain('--assume-vnni');
  expect(portableWarnings(null, { outputs, task })).toEqual([]);
});

test('samples that a BatchNormalization has not seen, and raw pixels where nothing else can tell', () => {
  const norm = { input: 'x', spread: 0.22, shift: 0.2, divergence: 1.2 };
  const [wrong] = fitWarnings({ norm, pixels: [] }, '--preprocess unit');
  expect(wrong).toContain('"x", with --preprocess unit,');
  expect(wrong).toContain('too narrow, with 0.22 times the deviation');
  const [raw] = fitWarnings({ norm: { ...norm, spread: 57 }, pixels: ['x'] }, undefined);
  expect(raw).toMatch(/as they are given.*too wide, with 57 times.*They look like raw pixels/);
  // Pixels that fit are what the model takes.
  expect(fitWarnings({ norm: { ...norm, divergence: 0.09 }, pixels: ['x'] }, undefined)).toEqual([]);
  expect(fitWarnings({ norm: undefined, pixels: ['x'] }, undefined)[0]).toContain('--preprocess none if');
  expect(fitWarnings({ norm: undefined, pixels: ['x'] }, '--preprocess none')).toEqual([]);
});
