import { exposing } from '../graph/expose.js';
import type { Model, ValueInfo } from '../graph/model.js';
import { isQuantizing } from '../graph/qdq-graph.js';
import type { Codes, IntegerProgram, IntegerValue } from '../integer/program.js';
import { runProgram } from '../integer/run-program.js';
import { withModel } from '../load/with-model.js';
import { elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import type { Session, SessionSettings } from '../runtime/session.js';
import type { Runner } from './recording.js';

/** A quantized model in onnxruntime, and its network in integers alone beside it. */
export interface IntegerRunner extends Runner {
  /** What onnxruntime gave of the last feed: its outputs, and its codes as int8 by their names. */
  readonly seen: {
    readonly outputs: ReadonlyMap<string, NdArray>;
    readonly codes: ReadonlyMap<string, Codes>;
  };
  /** What the network in integers gave of it. */
  readonly values: ReadonlyMap<string, Codes>;
}

/**
 * Run a model both ways. Floats before and behind the integers are onnxruntime's: it quantizes the input, and computes
 * what follows the last integers.
 *
 * @param work - gets a runner whose outputs are those of the integers
 */
export async function withIntegers<T>(
  model: Model,
  program: IntegerProgram,
  settings: SessionSettings,
  work: (runner: IntegerRunner) => Promise<T>,
): Promise<T> {
  const made = program.operators.flatMap(({ outputs }) => outputs);
  const codes = [...program.inputs, ...made].filter(({ type }) => type === 'int8');
  const names = codes.map(({ name }) => name);
  const ends = floatEnds(model, program.outputs);
  const tail = tailOf(model, ends);
  return withModel(exposing(model, names), settings, (whole) =>
    withModelIf(tail, settings, (behind) => work(runnerOf(model, program, names, { whole, behind, ends }))),
  );
}

/** The floats that integers become. */
interface End {
  readonly value: IntegerValue;
  /** Names of the floats: behind each DQ, or of the int32 sums themselves. */
  readonly floats: readonly string[];
}

interface Parts {
  readonly whole: Session;
  readonly behind: Session | undefined;
  readonly ends: readonly End[];
}

function runnerOf(
  model: Model,
  program: IntegerProgram,
  names: readonly string[],
  parts: Parts,
): IntegerRunner {
  const outputNames = model.graph.outputs.map(({ name }) => name);
  let outputs: ReadonlyMap<string, NdArray> = new Map();
  let codes: ReadonlyMap<string, Codes> = new Map();
  let values: ReadonlyMap<string, Codes> = new Map();
  return {
    outputNames,
    get seen() {
      return { outputs, codes };
    },
    get values() {
      return values;
    },
    async run(feed) {
      const found = await parts.whole.run(feed);
      outputs = new Map([...found].filter(([name]) => outputNames.includes(name)));
      codes = new Map(names.flatMap((name) => toInt8(name, found.get(name))));
      values = runProgram(program, new Map(program.inputs.flatMap(({ name }) => entryOf(name, codes))));
      const floats = floatsOf(parts.ends, values);
      if (!parts.behind) return floats;
      const wanted = parts.behind.outputNames;
      const fed: Feed = { ...feed, ...Object.fromEntries(floats) };
      const computed = await parts.behind.run(only(fed, parts.behind.inputNames), wanted);
      return new Map([...floats, ...computed]);
    },
  };
}

const entryOf = (name: string, codes: ReadonlyMap<string, Codes>): [string, Codes][] => {
  const found = codes.get(name);
  return found ? [[name, found]] : [];
};

/** Codes of the runtime as int8. */
function toInt8(name: string, array: NdArray | undefined): [string, Codes][] {
  if (!array) return [];
  if (array.data instanceof Int8Array) return [[name, { dims: array.dims, data: array.data }]];
  // x − 128 of a byte is the byte with its highest bit turned.
  const data = new Int8Array(array.data.length);
  for (let i = 0; i < data.length; i++) data[i] = (array.data[i] as number) ^ 0x80;
  return [[name, { dims: array.dims, data }]];
}

function floatsOf(ends: readonly End[], values: ReadonlyMap<string, Codes>): Map<string, NdArray> {
  return new Map(
    ends.flatMap(({ value, floats }) => {
      const codes = values.get(value.name);
      return codes ? floats.map((name): [string, NdArray] => [name, dequantized(value, codes)]) : [];
    }),
  );
}

/** Reals of codes or of sums, in float32: scale · (code − zeroPoint). */
export function dequantized({ scale, axis = -1, zeroPoint }: IntegerValue, { dims, data }: Codes): NdArray {
  const scales = typeof scale === 'number' ? [scale] : scale;
  const along = axis < 0 ? axis + dims.length : axis;
  const inner = elementCount(dims.slice(along + 1));
  const floats = Float32Array.from(data, (code, i) => {
    const channel = scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length;
    return (code - zeroPoint) * (scales[channel] as number);
  });
  return { type: 'float32', dims, data: floats };
}

function floatEnds({ graph }: Model, outputs: readonly IntegerValue[]): End[] {
  return outputs.map((value) => {
    const readers = graph.nodes.filter(
      (node) => isQuantizing(node, 'DequantizeLinear') && node.inputs[0] === value.name,
    );
    const floats = readers.map((node) => node.outputs[0] ?? '');
    return { value, floats: value.type === 'int32' ? [value.name] : floats };
  });
}

/** The model from the floats on that integers become; undefined where they are its outputs. */
function tailOf(model: Model, ends: readonly End[]): Model | undefined {
  const { graph } = model;
  const given = new Set(ends.flatMap(({ floats }) => floats));
  const outputs = graph.outputs.filter(({ name }) => !given.has(name));
  if (outputs.length === 0) return undefined;
  const inputs: ValueInfo[] = [...given].map((name) => ({ name, dataType: 'float32', shape: undefined }));
  const nodes = graph.nodes.filter((node) => !node.outputs.some((name) => given.has(name)));
  const valueInfo = new Map([...graph.valueInfo].filter(([name]) => !given.has(name)));
  return { ...model, graph: { ...graph, nodes, inputs: [...graph.inputs, ...inputs], outputs, valueInfo } };
}

const only = (feed: Feed, names: readonly string[]): Feed =>
  Object.fromEntries(Object.entries(feed).filter(([name]) => names.includes(name)));

async function withModelIf<T>(
  model: Model | undefined,
  settings: SessionSettings,
  work: (session: Session | undefined) => Promise<T>,
): Promise<T> {
  return model ? withModel(model, settings, work) : work(undefined);
}
