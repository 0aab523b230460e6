import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RawFormat } from '../../../calibration/readers/reader.js';
import { openSamples } from '../../../calibration/readers/readers.js';
import type { InputSpec } from '../../../calibration/source.js';
import { codeOf } from '../../support/random-data.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

function open(data: Uint8Array | Float32Array, shape: InputSpec['shape'], raw?: RawFormat) {
  const path = join(temporaryFolder(), 'x.bin');
  writeFileSync(path, data);
  const preprocess =
    raw?.type === 'uint8' ? { scale: 1, mean: [0], std: [1], label: 'none', layout: undefined } : undefined;
  return openSamples({ path, inputs: [{ name: 'x', type: 'float32', shape }], raw, preprocess });
}

describe('the bin reader', () => {
  it('cuts samples of the type and shape that the model takes', async () => {
    const set = await open(Float32Array.of(1, 2, 3, 4, 5, 6), ['n', 2]);
    expect(set.length).toBe(3);
    expect((await set.sample(2)).x).toEqual({ type: 'float32', dims: [2], data: Float32Array.of(5, 6) });
  });

  it('takes type and shape from the flags', async () => {
    const set = await open(Uint8Array.of(1, 2, 3, 4), ['n', 'h', 1], { type: 'uint8', shape: [2, 1] });
    expect((await set.sample(1)).x).toEqual({ type: 'float32', dims: [2, 1], data: Float32Array.of(3, 4) });
  });

  it.each([
    ['no whole number of samples', new Uint8Array(12), ['n', 2], undefined, 'data-format'],
    ['nothing', new Uint8Array(), ['n', 2], undefined, 'data-empty'],
    ['an open shape with nothing said', new Uint8Array(8), ['n', 'm'], undefined, 'data-format'],
    ['a shape that does not fit', new Uint8Array(24), ['n', 2], { shape: [3] }, 'data-shape'],
  ] as const)('refuses %s', async (_, data, shape, raw, code) => {
    expect(await codeOf(() => open(data, shape, raw))).toBe(code);
  });
});
