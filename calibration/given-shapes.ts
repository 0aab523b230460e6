import { QuantizeError } from '../src/errors.js';
import type { InputSpec } from './source.js';

/** Shapes of inputs by name, the batch included. */
export type GivenShapes = Readonly<Record<string, readonly number[]>>;

/**
 * The inputs with the shapes that the user gives in place of what the model leaves open, or states otherwise. What a name stands for in one of
 * them it stands for in the others, too.
 *
 * @throws QuantizeError `bad-option` for an input that is not there, or a shape of another rank
 */
export function withGivenShapes(inputs: readonly InputSpec[], given: GivenShapes = {}): InputSpec[] {
  const values = new Map<string, number>();
  for (const [name, dims] of Object.entries(given)) {
    const input = inputs.find((each) => each.name === name);
    if (!input) {
      const known = inputs.map((each) => each.name).join(', ');
      throw refuse(`names "${name}", which is no input of the model`, `Its inputs: ${known}.`);
    }
    for (const [axis, dim] of (input.shape ?? []).entries()) {
      if (dims.length === input.shape?.length) {
        if (typeof dim === 'string') values.set(dim, dims[axis] as number);
        continue;
      }
      const stated = input.shape?.map((each) => each ?? '?').join(', ');
      const mend = 'Give as many dimensions as the model has, the batch included.';
      throw refuse(`cannot be [${dims.join(', ')}]: the model states [${stated}] for "${name}"`, mend);
    }
  }
  return inputs.map((input) => {
    const own = Object.hasOwn(given, input.name) ? given[input.name] : undefined;
    const shape = own ?? input.shape?.map((dim) => values.get(String(dim)) ?? dim);
    return { ...input, shape };
  });
}

const refuse = (problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag: '--shape', problem, mend });
