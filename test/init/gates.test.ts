import { expect, test } from 'vitest';
import { gatesFor } from '../../src/init/gates.js';
import { sampleResult } from '../support/result.js';

const [output] = sampleResult().outputs;
if (!output) throw new Error('the sample has outputs');

/** 23.4 dB and 99.3 % of the classes kept, 0.264 of the size. */
const measured = (changes: object = {}) => ({
  ...sampleResult(),
  outputs: [
    { ...output, deployed: { ...output.deployed, sqnrDb: 23.4, topOneAgreement: 0.993, groups: [] } },
  ],
  float: { ...sampleResult().float, sizeBytes: 1000 },
  quantized: { ...sampleResult().quantized, sizeBytes: 264 },
  task: null,
  ...changes,
});

test('leaves room to what was measured', () => {
  // 99.3 − 2 points; 23.4 − 3 dB; 0.264 · 1.05 = 0.2772.
  expect(gatesFor(measured())).toEqual(['agreement>=97%', 'sqnr>=20dB', 'size_ratio<=0.28']);
});

test('holds accuracy where there are labels, to half a point', () => {
  const task = { ...sampleResult().task, float: 0.92, quantized: 0.917 };
  // 0.3 + 0.5 points, up to the next half.
  expect(gatesFor(measured({ task }) as never)[0]).toBe('top1_drop<=1%');
  expect(gatesFor(measured({ task: { ...task, quantized: 0.93 } }) as never)[0]).toBe('top1_drop<=0.5%');
});

test('holds nothing of an output that says nothing', () => {
  const deployed = { ...output.deployed, sqnrDb: 4, topOneAgreement: null, groups: [] };
  expect(gatesFor(measured({ outputs: [{ ...output, deployed }] }))).toEqual(['size_ratio<=0.28']);
});

test('holds what stands first of a metric of a task, with room for two of what it counts', () => {
  const metrics = [
    { name: 'f1', float: 1, quantized: 0.8354 },
    { name: 'boxes', float: 40, quantized: 39 },
  ];
  // 0.8354 − 0.02; of 40 objects two are 0.05.
  expect(gatesFor(measured({ metrics }))[1]).toBe('user.f1>=0.81');
  expect(gatesFor(measured({ metrics }), 40)[1]).toBe('user.f1>=0.78');
});
