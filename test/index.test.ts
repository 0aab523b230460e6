import { expect, test } from 'vitest';
import * as api from '../src/index.js';

test('the public API is what it was', () => {
  expect(Object.keys(api).sort()).toMatchSnapshot();
});

test('the library does what the command does', async () => {
  const inspection = await api.inspect({ model: 'examples/digits.onnx', recipe: { bits: 4 } });
  expect(inspection.plan.layers.map((layer) => layer.quantized?.bits)).toEqual([8, 4, 4, 4, 4, 8]);
  await expect(api.inspect({ model: 'nowhere.onnx' })).rejects.toBeInstanceOf(api.QuantizeError);
});
