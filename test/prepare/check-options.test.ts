import { expect, test } from 'vitest';
import { calibrate, inspect, presets, quantize, sweep } from '../../src/index.js';
import type { QuantizeOptions } from '../../src/options.js';
import { checkGiven } from '../../src/prepare/check-options.js';
import { refusalOf } from '../support/refusal.js';

const runs = { quantize, calibrate, sweep, inspect } as unknown as Readonly<
  Record<string, (options: object) => Promise<unknown>>
>;

test.each(Object.entries(runs))(
  '%s without a model is refused as a mistake of the program',
  async (_, run) => {
    const error = await refusalOf(() => run({ modle: 'x.onnx' }));
    expect([error.code, error.message]).toEqual(['bad-value', 'model is missing.']);
    expect(error.hint).toBe('Did you mean it by modle? Give the path of the float model, a .onnx file.');
  },
);

test('a model that is no path', async () => {
  const error = await refusalOf(() => checkGiven({ model: 7 } as unknown as QuantizeOptions));
  expect(error.message).toBe('model cannot be 7.');
});

test('a preset by its name is the preset itself', () => {
  const of = (preprocess: QuantizeOptions['preprocess']) => checkGiven({ model: 'm.onnx', preprocess });
  expect(of('tf')).toEqual(of(presets.tf));
});
