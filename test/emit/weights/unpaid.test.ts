import { expect, it } from 'vitest';
import { storedSize } from '../../../src/emit/weights/stored-size.js';
import { unpaidWeights } from '../../../src/emit/weights/unpaid.js';
import type { QuantizedTensor } from '../../../src/quantize/quantized-tensor.js';
import { affine, codebooks } from '../../support/weight-form.js';

const target = { format: 'packed', opset: 13, irVersion: 8 } as const;
const unpaid = (...weights: QuantizedTensor[]) =>
  unpaidWeights({ weights: new Map(weights.map((weight, i) => [String(i), weight])) }, target);
const of = (count: number, bits = 4): QuantizedTensor => affine(Array(count).fill(1), bits);

it('names what is smaller as plain int8: one weight alone pays for its table, or not', () => {
  // 432 weights save 216 B; the table of all bytes alone takes 512.
  expect(unpaid(of(432)).size).toBe(1);
  expect(unpaid(of(8192)).size).toBe(0);
});

it('shares the table among all weights of a width', () => {
  const many = [1, 2, 3, 4, 5].map(() => of(1024));
  expect(unpaid(...many).size).toBe(0);
  expect(unpaid(of(1024)).size).toBe(1);
  // One that saves nothing itself is no gain beside others.
  const tiny = of(64);
  expect(unpaid(...many, tiny)).toEqual(new Set([tiny]));
});

it('names what its own codebooks make as large as int8, but nothing where the format packs nothing', () => {
  // 16 channels of 9 weights: 72 bytes of indices and 16 codebooks of 16 levels.
  const levels = Array.from({ length: 256 }, (_, i) => i % 16);
  const weight = codebooks(Array(144).fill(3), levels, 4, [16, 9], 0, 1);
  expect(unpaid(weight).size).toBe(1);
  const plan = { weights: new Map([['c', weight]]) };
  expect(unpaidWeights(plan, { ...target, format: 'qdq-int8' }).size).toBe(0);
});

it('packs the smallest weight that packing makes smaller, and none that it makes as large', () => {
  const many = Array.from({ length: 5 }, () => of(1024));
  const isSmaller = (count: number) => {
    const weight = of(count);
    return storedSize(weight, target) < storedSize(weight, { ...target, unpaid: new Set([weight]) });
  };
  let count = 2;
  while (!isSmaller(count)) count += 2;
  expect(count).toBeGreaterThan(2);
  expect(unpaid(...many, of(count)).size).toBe(0);
  expect(unpaid(...many, of(count - 2)).size).toBe(1);
});

it('leaves 8 bits, and large weights of any width, alone', () => {
  expect(unpaid(of(16, 8)).size).toBe(0);
  for (const bits of [2, 3, 4, 5, 6, 7]) expect(unpaid(of(70_000, bits)).size).toBe(0);
});
