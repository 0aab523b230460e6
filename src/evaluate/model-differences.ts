import { isDeepStrictEqual } from 'node:util';
import { isArrayType } from '../graph/data-type.js';
import type { Attribute, Graph, Model, Node } from '../graph/model.js';
import { rawBytesOf, type Tensor } from '../graph/tensor.js';
import { viewBytes } from '../numerics/nd-array.js';

/** One thing in which a model is not what it should be. */
export interface ModelDifference {
  readonly kind: 'tensor' | 'node' | 'metadata' | 'header';
  /** Of the tensor, the node's first output, or the entry. */
  readonly name: string;
  /** The layer whose numbers they are; undefined where none reads them. */
  readonly layer: string | undefined;
  /** What is other than it should be, to stand behind the name. */
  readonly text: string;
}

/**
 * In what a model differs from the one that it should be: tensors first, then nodes, metadata and the rest. Empty where
 * both say the same, in whatever bytes.
 */
export function modelDifferences(expected: Model, found: Model): ModelDifference[] {
  return [
    ...tensorDifferences(expected.graph, found.graph),
    ...nodeDifferences(expected.graph, found.graph),
    ...metadataDifferences(expected.metadata, found.metadata),
    ...headerDifferences(expected, found),
  ];
}

function tensorDifferences(expected: Graph, found: Graph): ModelDifference[] {
  const layerOf = layersOf(found);
  const differences: ModelDifference[] = [];
  const add = (name: string, text: string) =>
    differences.push({ kind: 'tensor', name, layer: layerOf(name), text });
  for (const [name, tensor] of found.initializers) {
    const right = expected.initializers.get(name);
    const text = right ? tensorDifference(right, tensor) : 'is not of the recipe';
    if (text) add(name, text);
  }
  for (const name of expected.initializers.keys()) if (!found.initializers.has(name)) add(name, 'is missing');
  return differences;
}

const typeOf = ({ dataType, dims }: Tensor): string => `${dataType} [${dims.join(', ')}]`;

function tensorDifference(expected: Tensor, found: Tensor): string | undefined {
  if (typeOf(expected) !== typeOf(found)) return `is ${typeOf(found)} instead of ${typeOf(expected)}`;
  const [right, seen] = [rawBytesOf(expected), rawBytesOf(found)];
  if (!right || !seen)
    return isDeepStrictEqual(expected.storage, found.storage) ? undefined : 'holds other elements';
  if (Buffer.compare(right, seen) === 0) return undefined;
  const { dataType } = found;
  const type = isArrayType(dataType) ? dataType : 'uint8';
  const unit = isArrayType(dataType) ? 'elements' : 'bytes';
  const [a, b] = [viewBytes(type, right), viewBytes(type, seen)];
  const others: number[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (!Object.is(a[i], b[i])) others.push(i);
  const [first = 0] = others;
  return `differs in ${others.length} of ${b.length} ${unit}, the first at ${first}: ${b[first]} instead of ${a[first]}`;
}

/** Operators between a stored tensor and the layer that it belongs to. */
const between =
  /^(QuantizeLinear|DequantizeLinear|Cast|Mul|Gather|Reshape|Transpose|Slice|Concat|Clip|Identity|Where|Add|Sub)$/;

/** A step from a constant to its layer passes few operators. */
const MAX_STEPS = 8;

/** The layer that a constant leads to. */
function layersOf(graph: Graph): (name: string) => string | undefined {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  return (name) => {
    let values = [name];
    for (let step = 0; step < MAX_STEPS && values.length > 0; step++) {
      const nodes = values.flatMap((value) => readers.get(value) ?? []);
      const layer = nodes.find(({ opType }) => !between.test(opType));
      if (layer) return layer.name || layer.id;
      values = nodes.flatMap(({ outputs }) => outputs);
    }
    return undefined;
  };
}

const keyOf = ({ outputs }: Node): string => outputs.find((name) => name !== '') ?? '';

function nodeDifferences(expected: Graph, found: Graph): ModelDifference[] {
  const right = new Map(expected.nodes.map((node) => [keyOf(node), node]));
  const differences: ModelDifference[] = [];
  const add = (node: Node, text: string) =>
    differences.push({ kind: 'node', name: keyOf(node), layer: node.name || undefined, text });
  for (const node of found.nodes) {
    const own = right.get(keyOf(node));
    const text = own ? nodeDifference(own, node) : `is a ${node.opType} that is not of the recipe`;
    if (text) add(node, text);
    right.delete(keyOf(node));
  }
  for (const node of right.values()) add(node, `is missing, a ${node.opType}`);
  const order = (graph: Graph) => graph.nodes.map(keyOf);
  const [first] = found.nodes;
  if (first && differences.length === 0 && !isDeepStrictEqual(order(expected), order(found)))
    add(first, 'and others stand in another order');
  return differences;
}

function nodeDifference(expected: Node, found: Node): string | undefined {
  const full = ({ domain, opType }: Node) => (domain ? `${domain}.${opType}` : opType);
  if (full(expected) !== full(found)) return `is ${full(found)} instead of ${full(expected)}`;
  for (const [what, right, seen] of [
    ['reads', expected.inputs, found.inputs],
    ['makes', expected.outputs, found.outputs],
  ] as const)
    if (!isDeepStrictEqual(right, seen)) return `${what} ${seen.join(', ')} instead of ${right.join(', ')}`;
  const names = new Set([...expected.attributes.keys(), ...found.attributes.keys()]);
  for (const name of names)
    if (!sameAttribute(expected.attributes.get(name), found.attributes.get(name)))
      return `has another attribute ${name}`;
  if (expected.name !== found.name)
    return `is named "${found.name ?? ''}" instead of "${expected.name ?? ''}"`;
  return isDeepStrictEqual(expected.carried ?? {}, found.carried ?? {}) ? undefined : 'has other notes on it';
}

function sameAttribute(expected: Attribute | undefined, found: Attribute | undefined): boolean {
  if (expected?.kind === 'tensor' && found?.kind === 'tensor')
    return tensorDifference(expected.value, found.value) === undefined;
  if (expected?.kind === 'graph' && found?.kind === 'graph')
    return (
      tensorDifferences(expected.value, found.value).length +
        nodeDifferences(expected.value, found.value).length ===
      0
    );
  return isDeepStrictEqual(plain(expected), plain(found));
}

/** Bytes that are views of others and bytes of their own are the same. */
const plain = (attribute: Attribute | undefined): unknown =>
  attribute?.kind === 'string' ? { ...attribute, value: Buffer.from(attribute.value) } : attribute;

function metadataDifferences(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): ModelDifference[] {
  const differences: ModelDifference[] = [];
  const add = (name: string, text: string) =>
    differences.push({ kind: 'metadata', name, layer: undefined, text });
  for (const [name, value] of found) {
    const right = expected.get(name);
    if (right === undefined) add(name, 'is not of the recipe');
    else if (right !== value) add(name, `is ${value} instead of ${right}`);
  }
  for (const name of expected.keys()) if (!found.has(name)) add(name, 'is missing');
  return differences;
}

function headerDifferences(expected: Model, found: Model): ModelDifference[] {
  const parts: readonly (readonly [name: string, right: unknown, seen: unknown])[] = [
    ['IR version', expected.irVersion, found.irVersion],
    ['operator sets', expected.opsets, found.opsets],
    ['inputs', expected.graph.inputs, found.graph.inputs],
    ['outputs', expected.graph.outputs, found.graph.outputs],
    ['value types', expected.graph.valueInfo, found.graph.valueInfo],
    ['notes on the graph', expected.graph.carried ?? {}, found.graph.carried ?? {}],
    ['notes on the model', expected.carried ?? {}, found.carried ?? {}],
  ];
  return parts.flatMap(([name, right, seen]) =>
    isDeepStrictEqual(right, seen)
      ? []
      : [{ kind: 'header' as const, name, layer: undefined, text: 'is not as the recipe makes it' }],
  );
}
