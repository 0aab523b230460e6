import { expect, test } from 'vitest';
import { formOf } from '../../src/evaluate/model-form.js';
import { floatNet, halfNet, operatorNet, qdqNet } from '../support/foreign-models.js';
import { between } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

test.each([
  ['float32', floatNet],
  ['float16', halfNet],
  ['qdq', qdqNet],
  ['integer-operators', operatorNet],
])('%s', (form, make) => {
  expect(formOf(make())).toBe(form);
});

test('what this tool writes', async () => {
  const { emitted } = await quantizeModel(between((_, v) => v));
  expect(formOf(emitted.model)).toBe('qdq');
});
