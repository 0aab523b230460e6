import { expect, test } from 'vitest';
import { QuantizeError } from '../src/errors.js';

test('the facts fill the sentence and the hint', () => {
  const error = new QuantizeError('nothing-to-quantize', { path: 'm.onnx', reason: 'it is empty' });
  expect(error.message).toBe('Nothing in m.onnx can be quantized: it is empty.');
  expect(error.hint).toBe('Run `quantize inspect m.onnx` to see the reason of each layer.');
  expect([error.code, error.exitCode, error.facts.reason]).toEqual(['nothing-to-quantize', 2, 'it is empty']);
});

test('a fact that a text needs is asked for by the compiler', () => {
  // @ts-expect-error: the sentence has no reason
  expect(new QuantizeError('file-unreadable', { path: 'x' }).message).toBe('x cannot be read: {reason}.');
  // @ts-expect-error: the hint has no second name
  new QuantizeError('data-one-input', { path: 'x', count: 2, names: 'a, b' });
  // @ts-expect-error: no facts
  expect(new QuantizeError('file-missing', {}).message).toBe('There is no file {path}.');
  // Braces of a hint that are no placeholders ask for nothing.
  expect(new QuantizeError('module-once', { path: 'x' }).hint).toContain('{ … }');
});
