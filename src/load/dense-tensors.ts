import { QuantizeError } from '../errors.js';
import { mapBodies } from '../graph/bodies.js';
import { isArrayType } from '../graph/data-type.js';
import { type Graph, isOp, type Model, type Node, subgraphsOf } from '../graph/model.js';
import { arrayOf, type Tensor, tensorOf } from '../graph/tensor.js';
import { allocate, elementCount } from '../numerics/nd-array.js';
import { DecodeError, decodeTensor } from '../proto/decode.js';
import type { SparseTensorMessage } from '../proto/messages.js';

/**
 * A tensor may be so many times as large as its values are: nobody keeps one in 64 who cares for the result, and a file of a few bytes
 * cannot ask for all memory. Small ones may be as sparse as they like.
 */
const LARGEST = { times: 64, bytes: 64 * 2 ** 20 } as const;

/**
 * A model whose sparse initializers, and Constant nodes with a sparse value, are dense, as the runtime makes them when it loads a file; in
 * bodies too. The format: onnx.proto, SparseTensorProto, whose indices are [n], places in the flattened tensor, or [n, rank].
 *
 * @param path - for messages
 * @param check - refuses a tensor that has not the elements that it says
 * @throws QuantizeError `model-malformed` where indices do not fit
 */
export function makeDense(path: string, model: Model, check: Checks['check']): Model {
  const refuse = (name: string, reason: string) =>
    new QuantizeError('model-malformed', { path, reason: `sparse tensor "${name}" ${reason}` });
  const checks = { refuse, check };
  const graphOf = (graph: Graph): Graph => {
    const { sparse_initializer: found, ...carried } = graph.carried ?? {};
    const sparse = (found ?? []) as readonly SparseTensorMessage[];
    const nodes = graph.nodes.map((each) =>
      subgraphsOf(each).length > 0 ? mapBodies(each, graphOf) : constantOf(each, checks),
    );
    if (sparse.length === 0) return { ...graph, nodes };
    const initializers = new Map(graph.initializers);
    for (const each of sparse) {
      const name = each.values?.name ?? '';
      if (initializers.has(name)) throw refuse(name, 'has the name of another initializer');
      initializers.set(name, denseOf(each, name, checks));
    }
    return { ...graph, nodes, initializers, carried };
  };
  return { ...model, graph: graphOf(model.graph) };
}

interface Checks {
  readonly refuse: (name: string, reason: string) => QuantizeError;
  readonly check: (name: string, tensor: Tensor) => void;
}

function constantOf(node: Node, checks: Checks): Node {
  const sparse = isOp(node, 'Constant') ? node.attributes.get('sparse_value') : undefined;
  const message = sparse?.carried?.sparse_tensor;
  if (!message) return node;
  const value = denseOf(message as SparseTensorMessage, node.id, checks);
  return { ...node, attributes: new Map([['value', { kind: 'tensor', value }]]) };
}

function denseOf(message: SparseTensorMessage, name: string, checks: Checks): Tensor {
  const { refuse } = checks;
  const { values, indices, dims } = partsOf(message, name, checks);
  const { dataType: type } = values;
  if (!isArrayType(type)) throw refuse(name, `is of type ${type}`);
  const given = arrayOf(values).data;
  const count = elementCount(dims);
  const bytes = count * given.BYTES_PER_ELEMENT;
  if (!(bytes <= Math.max(LARGEST.bytes, LARGEST.times * given.byteLength)))
    throw refuse(name, `has ${given.length} values alone, and the shape [${dims.join(', ')}]`);
  const places = placesOf(indices, dims);
  if (places?.length !== given.length || places.some((place) => !(place >= 0 && place < count)))
    throw refuse(name, 'has indices that do not fit its shape and its values');
  const data = allocate(type, count);
  places.forEach((place, i) => {
    data[place] = given[i] as never;
  });
  return tensorOf({ type, dims, data });
}

function partsOf(message: SparseTensorMessage, name: string, { refuse, check }: Checks) {
  if (!message.values || !message.indices) throw refuse(name, 'lacks its values or its indices');
  try {
    const [values, indices] = [decodeTensor(message.values, name), decodeTensor(message.indices, name)];
    for (const each of [values, indices]) check(name, each);
    const dims = (message.dims ?? []).map((dim) => Number(dim.toString()));
    if (dims.some((dim) => dim < 0)) throw refuse(name, 'has a negative dimension');
    return { values, indices, dims };
  } catch (thrown) {
    if (thrown instanceof DecodeError) throw refuse(name, thrown.message);
    throw thrown;
  }
}

/** The place of each value in the flattened tensor; undefined where the indices are of no shape that there is. */
function placesOf(indices: Tensor, dims: readonly number[]): number[] | undefined {
  if (indices.dataType !== 'int64') return undefined;
  const all = Array.from(arrayOf(indices).data, Number);
  if (indices.dims.length === 1) return all;
  const rank = dims.length;
  if (indices.dims.length !== 2 || indices.dims[1] !== rank) return undefined;
  return Array.from({ length: indices.dims[0] ?? 0 }, (_, row) => {
    let place = 0;
    for (const [axis, dim] of dims.entries()) {
      const index = all[row * rank + axis] ?? -1;
      // One that is beyond its axis must not fall into the next row.
      place = index >= 0 && index < dim ? place * dim + index : Number.NaN;
    }
    return place;
  });
}
