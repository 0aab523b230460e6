/**
 * onnxruntime's binding makes no session of a model that takes or gives elements which no typed array has, bfloat16 and
 * float8. Such a model is run without those outputs, and with float32 where it takes bfloat16 or casts to it in the end.
 * All is done to the bytes of the file, of which nothing else is decoded.
 */

/** TensorProto.DataType of elements that the binding does not know; it has names for those of 4 bits. */
const unbound: ReadonlyMap<number, string> = new Map([
  [14, 'complex64'],
  [15, 'complex128'],
  [16, 'bfloat16'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [23, 'float4e2m1'],
  [24, 'float8e8m0'],
]);
const FLOAT32 = 1;
const BFLOAT16 = 16;

/** The binding's own words for one of them. */
const UNBOUND_MESSAGE = /Unsupported data type: \d+/;

/** Whether a session could not be made for the types of inputs or outputs alone. */
export const isForTypes = (thrown: unknown): boolean =>
  thrown instanceof Error && UNBOUND_MESSAGE.test(thrown.message);

/** A model that the binding takes, and the outputs that it lost. */
export interface Bound {
  readonly bytes: Uint8Array;
  readonly dropped: readonly { readonly name: string; readonly kind: string }[];
}

/** Numbers of the fields in onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH = { node: 1, input: 11, output: 12 } as const;
const NODE = { input: 1, output: 2, opType: 4, attribute: 5 } as const;
const ATTRIBUTE = { name: 1, i: 3 } as const;
const VALUE = { name: 1, type: 2 } as const;
const TENSOR_TYPE = 1;
const ELEM_TYPE = 1;

/**
 * The model without the outputs that the binding does not know. Those of bfloat16 that a Cast makes stay, in float32, as
 * they were before the Cast. Inputs of bfloat16 take float32: what reads them casts.
 *
 * @param model - the bytes of a .onnx file, which stay as they are
 */
export function bindable(model: Uint8Array): Bound {
  const bytes = Uint8Array.from(model);
  const at = fieldsOf(bytes).find(({ number }) => number === MODEL_GRAPH);
  if (!at) return { bytes, dropped: [] };
  const graph = fieldsOf(bytes, at.from, at.end);
  const values = (field: number) =>
    graph.filter(({ number }) => number === field).map((found) => readValue(bytes, found));
  for (const { type } of values(GRAPH.input)) if (type?.value === BFLOAT16) bytes[type.from] = FLOAT32;
  for (const output of values(GRAPH.output)) castToFloat(bytes, graph, output);
  const odd = values(GRAPH.output).filter(({ type }) => type !== undefined && unbound.has(type.value));
  const dropped = odd.map(({ name, type }) => ({ name, kind: unbound.get(type?.value ?? 0) ?? '' }));
  return { bytes: without(bytes, at, odd), dropped };
}

/** A field of a message: where it starts, where its content does, and where both end. */
interface Field {
  readonly number: number;
  readonly start: number;
  readonly from: number;
  readonly end: number;
  /** Of a number: what it is. */
  readonly value: number;
}

/** An input or output of the graph. */
interface Value {
  readonly field: Field;
  readonly name: string;
  /** Where its element type stands; undefined for what is no tensor. */
  readonly type: Field | undefined;
}

/** The fields of a message. Source: protobuf.dev, Encoding. */
function fieldsOf(bytes: Uint8Array, from = 0, to = bytes.length): Field[] {
  const fields: Field[] = [];
  let at = from;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < to) {
    const start = at;
    const tag = varint();
    const wire = tag % 8;
    const content = at;
    const value = wire === 0 || wire === 2 ? varint() : 0;
    const begin = wire === 2 ? at : content;
    if (wire === 2) at += value;
    if (wire === 1) at += 8;
    if (wire === 5) at += 4;
    fields.push({ number: Math.floor(tag / 8), start, from: begin, end: at, value });
  }
  return fields;
}

const inside = (bytes: Uint8Array, field: Field | undefined, number: number): Field | undefined =>
  field && fieldsOf(bytes, field.from, field.end).find((found) => found.number === number);

const textOf = (bytes: Uint8Array, field: Field | undefined): string =>
  field ? new TextDecoder().decode(bytes.subarray(field.from, field.end)) : '';

function readValue(bytes: Uint8Array, field: Field): Value {
  const tensor = inside(bytes, inside(bytes, field, VALUE.type), TENSOR_TYPE);
  return {
    field,
    name: textOf(bytes, inside(bytes, field, VALUE.name)),
    type: inside(bytes, tensor, ELEM_TYPE),
  };
}

/** The Cast that makes an output of bfloat16, which nothing else reads, leaves it float32. */
function castToFloat(bytes: Uint8Array, graph: readonly Field[], { name, type }: Value): void {
  if (type?.value !== BFLOAT16) return;
  const nodes = graph
    .filter(({ number }) => number === GRAPH.node)
    .map(({ from, end }) => fieldsOf(bytes, from, end));
  const names = (node: readonly Field[], field: number) =>
    node.filter(({ number }) => number === field).map((found) => textOf(bytes, found));
  const maker = nodes.find((node) => names(node, NODE.output).includes(name));
  const isRead = nodes.some((node) => names(node, NODE.input).includes(name));
  if (!maker || isRead || names(maker, NODE.opType)[0] !== 'Cast') return;
  for (const attribute of maker.filter(({ number }) => number === NODE.attribute)) {
    const to = inside(bytes, attribute, ATTRIBUTE.i);
    if (textOf(bytes, inside(bytes, attribute, ATTRIBUTE.name)) !== 'to' || !to) continue;
    bytes[to.from] = FLOAT32;
    bytes[type.from] = FLOAT32;
  }
}

/** The bytes of a model whose graph lacks some of its fields. */
function without(bytes: Uint8Array, graph: Field, values: readonly Value[]): Uint8Array {
  if (values.length === 0) return bytes;
  const parts: Uint8Array[] = [];
  let from = graph.from;
  for (const { field } of values) {
    parts.push(bytes.subarray(from, field.start));
    from = field.end;
  }
  parts.push(bytes.subarray(from, graph.end));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Uint8Array.of(MODEL_GRAPH * 8 + 2, ...varintOf(size));
  const all = [bytes.subarray(0, graph.start), head, ...parts, bytes.subarray(graph.end)];
  return new Uint8Array(Buffer.concat(all));
}

function varintOf(value: number): number[] {
  const low = value % 128;
  return value < 128 ? [low] : [low + 128, ...varintOf(Math.floor(value / 128))];
}
