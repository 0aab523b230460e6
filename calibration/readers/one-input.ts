import { QuantizeError } from '../../src/errors.js';
import type { InputSpec } from '../source.js';
import type { ReadRequest } from './reader.js';

/**
 * The input that a file of one array provides.
 *
 * @throws QuantizeError `data-one-input` where several are wanted of it
 */
export function onlyInput({ path, inputs }: ReadRequest): InputSpec {
  const [input, ...others] = inputs;
  if (input && others.length === 0) return input;
  const names = inputs.map(({ name }) => name).join(', ');
  const facts = { path, count: inputs.length, names, first: input?.name ?? 'input' };
  throw new QuantizeError('data-one-input', facts);
}
