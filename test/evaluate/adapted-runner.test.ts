import { expect, test } from 'vitest';
import { adaptRunner, convertFeed } from '../../src/evaluate/adapted-runner.js';
import type { NdArray } from '../../src/numerics/nd-array.js';

const floats: NdArray = { type: 'float32', dims: [3], data: Float32Array.of(1.5, -2, 65504) };
/** The same three in IEEE 754 binary16. */
const halves: NdArray = { type: 'float16', dims: [3], data: Uint16Array.of(0x3e00, 0xc000, 0x7bff) };

test('floats are converted in both directions, and other inputs left alone', () => {
  const ids: NdArray = { type: 'int64', dims: [1], data: BigInt64Array.of(5n) };
  expect(convertFeed({ x: floats, ids }, { inputTypes: new Map([['x', 'float16']]) })).toEqual({
    x: halves,
    ids,
  });
  expect(convertFeed({ x: halves }, { inputTypes: new Map([['x', 'float32']]) })).toEqual({ x: floats });
  const doubles = convertFeed({ x: floats }, { inputTypes: new Map([['x', 'float64']]) });
  expect(doubles.x?.data).toEqual(Float64Array.of(1.5, -2, 65504));
});

test("outputs come under the other model's names; those without one are left out", async () => {
  const inner = {
    outputNames: ['p', 'q'],
    run: async () => new Map([['p', floats] as const, ['q', halves] as const]),
  };
  const adapted = adaptRunner(inner, { inputTypes: new Map(), outputNames: new Map([['q', 'y']]) });
  expect(adapted.outputNames).toEqual(['y']);
  expect(await adapted.run({})).toEqual(new Map([['y', halves]]));
  expect(adaptRunner(inner, undefined)).toBe(inner);
});
