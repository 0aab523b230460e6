import { strToU8, zipSync } from 'fflate';
import { QuantizeError } from '../errors.js';
import { tool } from '../version.js';
import { npyBytes } from './npy-bytes.js';
import type { IntegerProgram, Parameters } from './program.js';

/** Version of the file. */
export const INTEGERS_VERSION = 3;

/** What a file of the network holds, as JSON. */
export interface IntegerFile {
  readonly version: number;
  readonly tool: typeof tool;
  readonly isShiftOnly: boolean;
  readonly inputs: IntegerProgram['inputs'];
  readonly outputs: IntegerProgram['outputs'];
  readonly constants: readonly {
    readonly name: string;
    readonly dims: readonly number[];
    readonly values: number[];
  }[];
  readonly operators: readonly Readonly<Record<string, unknown>>[];
  readonly others: IntegerProgram['others'];
}

/** The network as one JSON text, an operator a line. */
export function integerJson(program: IntegerProgram): Uint8Array {
  return strToU8(textOf(program, (_, values) => Array.from(values)));
}

/**
 * The same as .npz: `program.json`, in which the name of an array stands where its elements would, and each array as
 * .npy: int8 weights and tables, int32 biases, multipliers and shifts.
 */
export function integerArrays(program: IntegerProgram): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  const text = textOf(program, (name, values, dims) => {
    files[`${name}.npy`] = npyBytes(values, dims);
    return name;
  });
  // Without a time the same network gives the same bytes.
  return zipSync({ 'program.json': strToU8(text), ...files }, { level: 6, mtime: new Date(1980, 0, 1) });
}

/** The file whose ending the path has. */
export const serializeIntegers = (program: IntegerProgram, path: string): Uint8Array =>
  path.toLowerCase().endsWith('.npz') ? integerArrays(program) : integerJson(program);

/**
 * Refuse a network without a layer.
 *
 * @throws QuantizeError `bad-option`
 */
export function refuseWithoutLayers({ operators }: IntegerProgram): void {
  if (operators.some(({ operator }) => operator === 'conv' || operator === 'fully-connected')) return;
  throw new QuantizeError('bad-option', {
    flag: '--save-integers',
    problem: 'finds no layer that runs on integers of fixed ranges',
    mend: 'Give samples with --data, without --dynamic and --act-bits float.',
  });
}

type Written = (name: string, values: Int8Array | Int32Array, dims: readonly number[]) => unknown;

function textOf(program: IntegerProgram, write: Written): string {
  const { isShiftOnly, inputs, outputs, constants, operators, others } = program;
  const head = { version: INTEGERS_VERSION, tool, isShiftOnly, inputs, outputs };
  const constantLines = [...constants].map(([name, { dims, data }], i) => ({
    ...{ name, dims },
    values: write(`constant.${i}`, data, dims),
  }));
  const lines = operators.map(({ id, name, operator, inputs: read, outputs: made, parameters }, i) => ({
    ...{ id, name, operator, inputs: read, outputs: made },
    ...written(parameters, `${i}`, write),
  }));
  const list = (entries: readonly object[]) =>
    `[\n${entries.map((each) => JSON.stringify(each)).join(',\n')}]`;
  const start = JSON.stringify(head).slice(0, -1);
  return `${start},\n"constants":${list(constantLines)},\n"operators":${list(lines)},\n"others":${list(others)}}\n`;
}

/** Parameters with what is written in the place of their arrays. */
function written(parameters: Parameters, prefix: string, write: Written): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([key, value]) => {
      const isArray = value instanceof Int8Array || value instanceof Int32Array;
      const dims = key === 'weight' ? (parameters.weightDims as number[]) : [isArray ? value.length : 0];
      return [key, isArray ? write(`${prefix}.${key}`, value, dims) : value];
    }),
  );
}
