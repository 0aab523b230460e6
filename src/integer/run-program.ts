import { QuantizeError } from '../errors.js';
import { READS_FLOATS } from './kernel.js';
import type { Codes, IntegerProgram } from './program.js';

/**
 * Refuse a network that is not in integers from its inputs to its outputs.
 *
 * @throws QuantizeError `not-integer-only`, with the first operator that breaks it for a reason of its own
 */
export function refuseBroken({ operators, others }: IntegerProgram, path: string): void {
  const between = others.filter(({ place }) => place === 'between');
  const broken = between.find(({ reason }) => reason !== READS_FLOATS) ?? between[0];
  if (broken) {
    const { id, operator, reason } = broken;
    const rest = between.length === 1 ? '' : ` (${between.length} operators are not in integers)`;
    const problem = `${operator} "${id}" stands between codes, and ${reason}${rest}`;
    throw new QuantizeError('not-integer-only', { path, problem });
  }
  if (operators.length > 0) return;
  const [first] = others;
  const problem = first
    ? `of ${first.operator} "${first.id}", ${first.reason}`
    : 'of the whole model, it has no operator';
  throw new QuantizeError('not-integer-only', { path, problem });
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
