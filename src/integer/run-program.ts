import { QuantizeError } from '../errors.js';
import type { Codes, IntegerProgram } from './program.js';

/**
 * Refuse a network that is not in integers from its inputs to its outputs.
 *
 * @throws QuantizeError `not-integer-only`, with the operator that breaks it
 */
export function refuseBroken({ operators, others }: IntegerProgram, path: string): void {
  const broken = others.find(({ place }) => place === 'between');
  if (broken) {
    const { id, operator, reason } = broken;
    throw new QuantizeError('not-integer-only', { path, what: `${operator} "${id}"`, reason });
  }
  if (operators.length > 0) return;
  const [first] = others;
  const what = first ? `${first.operator} "${first.id}"` : 'the whole model';
  const reason = first?.reason ?? 'it has no operator';
  throw new QuantizeError('not-integer-only', { path, what, reason });
}

/**
 * Run a network in integers alone.
 *
 * @param inputs - int8 codes by the names of the program's inputs
 * @returns every value: int8 codes, and the int32 sums that nothing requantizes
 */
export function runProgram(program: IntegerProgram, inputs: ReadonlyMap<string, Codes>): Map<string, Codes> {
  const values = new Map<string, Codes>([...program.constants, ...inputs]);
  for (const { inputs: names, outputs, run, id } of program.operators) {
    const results = run(
      names.map(({ name }) => {
        const codes = values.get(name);
        if (!codes) throw new Error(`${id} reads ${name}, which nothing made`);
        return codes;
      }),
    );
    outputs.forEach(({ name }, i) => {
      const codes = results[i];
      if (codes) values.set(name, codes);
    });
  }
  return values;
}
