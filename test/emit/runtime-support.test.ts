import { describe, expect, it } from 'vitest';
import { oldestRuntime } from '../../src/emit/runtime-support.js';
import { between } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

describe('the oldest runtime', () => {
  // Source: https://onnxruntime.ai/docs/reference/compatibility.html: 1.17 opset 20 and IR 9, 1.18 opset 21 and IR 10, …
  it.each([
    [13, 7, '1.17'],
    [17, 8, '1.17'],
    [19, 9, '1.17'],
    [17, 10, '1.18'],
    [21, 10, '1.18'],
  ])('for opset %d and IR %d', (opset, irVersion, release) => {
    expect(oldestRuntime(between((_, v) => v, { opset, irVersion }))).toBe(release);
  });

  it('is later for every newer opset and IR version', () => {
    const releases = [13, 21, 22, 23, 24, 25, 26].map((opset) =>
      Number(oldestRuntime(between((_, v) => v, { opset, irVersion: 7 })).slice(2)),
    );
    expect(releases).toEqual([...releases].sort((a, b) => a - b));
    const byIr = [9, 10, 11, 12, 13].map((irVersion) =>
      Number(oldestRuntime(between((_, v) => v, { opset: 13, irVersion })).slice(2)),
    );
    expect(byIr).toEqual([...byIr].sort((a, b) => a - b));
  });

  it('is 1.23 where weights are int4, whose Cast is not there before', async () => {
    const versions = { opset: 21, irVersion: 10 };
    const oldest = async (bits: number, version = versions) => {
      const { emitted } = await quantizeModel(
        between((_, v) => v, version),
        { bits, allLayers: true },
      );
      return oldestRuntime(emitted.model);
    };
    expect(await oldest(4)).toBe('1.23');
    expect(await oldest(2)).toBe('1.18');
    expect(await oldest(8)).toBe('1.18');
    expect(await oldest(4, { opset: 17, irVersion: 8 })).toBe('1.17');
  });
});
