import { expect, test } from 'vitest';
import { type CodebookTensor, dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { codebook } from '../../../src/refine/quantizers/codebook.js';
import { affineStart, computeWeight } from '../../support/learned-quantizer.js';

// Two channels of three weights, 1 bit each would be too few: 2 bits, levels a channel.
const tensor: CodebookTensor = {
  kind: 'codebook',
  dims: [2, 3],
  indices: Uint8Array.of(0, 1, 3, 2, 2, 0),
  bits: 2,
  levels: Int8Array.of(-100, -20, 30, 90, -60, -10, 10, 80),
  channelsPerCodebook: 1,
  axis: 0,
  scales: Float32Array.of(0.5, 0.25),
};
const gradient = [1, 2, 3, 4, 5, 6];

test('fixed weights keep their level, and a level gets the sum over its weights', async () => {
  const found = await computeWeight(codebook, tensor, [0, 0, 0, 0, 0, 0], gradient, { latent: false });
  expect(found.output).toEqual([-50, -10, 45, 2.5, 2.5, -15]);
  const factor = 1 / Math.sqrt(3);
  const byLevel = [0.5, 1, 0, 1.5, 1.5, 0, 2.25, 0].map((each) => each * factor);
  byLevel.forEach((each, at) => {
    expect(found.byParameter[0]?.[at]).toBeCloseTo(each, 5);
  });
  expect(Array.from(dequantizeTensor(found.stored))).toEqual(found.output);
});

test('learned weights get the nearest level, and their gradient as it is', async () => {
  const found = await computeWeight(codebook, tensor, [-20, 40, 12, -14, 0.5, 30], gradient);
  expect(found.output).toEqual([-10, 45, 15, -15, 2.5, 20]);
  expect(found.byValue).toEqual(gradient);
  expect(found.stored.kind === 'codebook' && Array.from(found.stored.indices)).toEqual([1, 3, 2, 0, 2, 3]);
});

test('one codebook of all channels, along another axis', async () => {
  const shared: CodebookTensor = {
    ...tensor,
    dims: [3, 2],
    axis: 1,
    levels: Int8Array.of(-100, -20, 30, 90),
    channelsPerCodebook: undefined,
  };
  const found = await computeWeight(codebook, shared, [0, 0, 0, 0, 0, 0], gradient, { latent: false });
  expect(Array.from(dequantizeTensor(shared))).toEqual(found.output);
  expect(Array.from(dequantizeTensor(found.stored))).toEqual(found.output);
});

test('a weight that is stored as steps is refused', () => {
  const site = { value: 'w', weight: new Float32Array(4), latent: true, rate: 1 };
  expect(codebook.refuse?.({ ...site, tensor: affineStart([4], 3, [1]) })).toBe('it is stored as steps');
});
