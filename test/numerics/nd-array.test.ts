import { expect, test } from 'vitest';
import { allocate, elementBytes, elementCount, viewBytes } from '../../src/numerics/nd-array.js';

test('elementCount', () => {
  expect([[], [0], [3, 4], [2, 0, 5]].map(elementCount)).toEqual([1, 0, 12, 0]);
});

test('elementBytes', () => {
  const types = ['bool', 'int8', 'float16', 'int32', 'float32', 'float64', 'int64'] as const;
  expect(types.map(elementBytes)).toEqual([1, 1, 2, 4, 4, 8, 8]);
});

test('allocate is zero-filled and of the right kind', () => {
  expect(allocate('int64', 2)).toEqual(BigInt64Array.of(0n, 0n));
  expect(allocate('float16', 1)).toEqual(Uint16Array.of(0));
});

// 1.5 is 0x3fc00000, −2 is 0xc0000000: the lowest byte first.
const bytes = [0x00, 0x00, 0xc0, 0x3f, 0x00, 0x00, 0x00, 0xc0];

test('viewBytes reads little-endian, at any offset', () => {
  for (const offset of [0, 1, 2, 3, 4]) {
    const shifted = Uint8Array.from([...Array(offset).fill(0xff), ...bytes]).subarray(offset);
    expect(viewBytes('float32', shifted)).toEqual(Float32Array.of(1.5, -2));
  }
});

test('viewBytes shares aligned memory and copies what is not aligned', () => {
  const buffer = new Uint8Array(12);
  expect(viewBytes('float32', buffer.subarray(4)).buffer).toBe(buffer.buffer);
  expect(viewBytes('float32', buffer.subarray(1, 9)).buffer).not.toBe(buffer.buffer);
});
