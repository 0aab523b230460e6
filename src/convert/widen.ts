import type { DataType } from '../graph/data-type.js';
import { NameScope, replaceReads } from '../graph/edit.js';
import { isKnownFloat } from '../graph/float-values.js';
import {
  type Attribute,
  attribute,
  type Graph,
  isOp,
  type Model,
  node,
  subgraphsOf,
} from '../graph/model.js';
import { floatsOf, type Tensor, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';

const FLOAT32 = 1;
/** TensorProto.DataType of float16 and bfloat16. */
const NARROW: Readonly<Record<string, number>> = { float16: 10, bfloat16: 16 };
const isNarrow = (type: DataType | undefined): boolean => type !== undefined && Object.hasOwn(NARROW, type);
const isNarrowCode = (found: Attribute | undefined): boolean =>
  found?.kind === 'int' && Object.values(NARROW).includes(Number(found.value));

/** Attributes that name the type of what a node makes. */
const TYPE_ATTRIBUTES = ['to', 'dtype', 'output_datatype', 'output_dtype'];

/**
 * Make a model of 16-bit floats one of float32, in place, so that its layers are quantized as those of its float32 twin:
 * every constant is widened exactly, values in between are float32. Inputs and outputs keep their types, by a Cast at each.
 * A model that holds more float32 than 16-bit floats is left as it is, and so is one with functions that could not be inlined.
 *
 * @returns whether the model was widened
 */
export function widenModel(model: Model): boolean {
  if (((model.carried?.functions as unknown[] | undefined) ?? []).length > 0) return false;
  const elements = { narrow: 0, wide: 0 };
  count(model.graph, elements);
  if (elements.narrow <= elements.wide) return false;
  const casts = castsOfOutputs(model.graph);
  const inputs = model.graph.inputs.filter(({ dataType }) => isNarrow(dataType));
  widenGraph(model.graph);
  model.wasNarrow = true;
  const names = new NameScope(model.graph);
  for (const { name } of inputs) {
    if (model.graph.initializers.has(name)) continue;
    const wide = names.fresh(`${name}_float32`);
    replaceReads(model.graph, name, wide);
    model.graph.nodes.unshift(node('Cast', [name], [wide], { to: attribute.int(FLOAT32) }));
  }
  for (const { name, code } of casts) {
    const wide = names.fresh(`${name}_float32`);
    const maker = model.graph.nodes.find(({ outputs }) => outputs.includes(name));
    if (!maker) continue;
    maker.outputs = maker.outputs.map((output) => (output === name ? wide : output));
    replaceReads(model.graph, name, wide);
    // The output's name stays the id of the node that made it.
    const cast = node('Cast', [wide], [name], { to: attribute.int(code) });
    model.graph.nodes.push({ ...cast, id: names.fresh(`${name}_cast`) });
  }
  return true;
}

const castsOfOutputs = (graph: Graph): { name: string; code: number }[] =>
  graph.outputs.flatMap(({ name, dataType }) => {
    const code = dataType && NARROW[dataType];
    return code === undefined ? [] : [{ name, code }];
  });

function count(graph: Graph, elements: { narrow: number; wide: number }): void {
  const add = ({ dataType, dims }: Tensor) => {
    if (isNarrow(dataType)) elements.narrow += elementCount(dims);
    if (dataType === 'float32') elements.wide += elementCount(dims);
  };
  for (const tensor of graph.initializers.values()) add(tensor);
  for (const each of graph.nodes) {
    for (const found of each.attributes.values()) if (found.kind === 'tensor') add(found.value);
    for (const subgraph of subgraphsOf(each)) count(subgraph, elements);
  }
}

/** Constants, types of values and attributes; the inputs and outputs of the graph itself keep theirs. */
function widenGraph(graph: Graph): void {
  dropCasts(graph);
  for (const [name, tensor] of graph.initializers) graph.initializers.set(name, widened(tensor));
  for (const [name, info] of graph.valueInfo)
    if (isNarrow(info.dataType)) graph.valueInfo.set(name, { name, dataType: 'float32', shape: info.shape });
  for (const each of graph.nodes) {
    for (const [name, found] of each.attributes) {
      if (found.kind === 'tensor') each.attributes.set(name, { kind: 'tensor', value: widened(found.value) });
      else if (TYPE_ATTRIBUTES.includes(name) && isNarrowCode(found))
        each.attributes.set(name, attribute.int(FLOAT32));
    }
    for (const subgraph of subgraphsOf(each)) {
      const types = [subgraph.inputs, subgraph.outputs];
      widenGraph(subgraph);
      for (const values of types)
        values.forEach((info, i) => {
          if (isNarrow(info.dataType))
            values[i] = { name: info.name, dataType: 'float32', shape: info.shape };
        });
    }
  }
}

/** Casts between the float types, which move nothing once there is one alone. */
function dropCasts(graph: Graph): void {
  const hasDoubles = [...graph.inputs, ...graph.valueInfo.values()].some(
    ({ dataType }) => dataType === 'float64',
  );
  if (hasDoubles) return;
  const uses = indexUses(graph);
  graph.nodes = graph.nodes.map((each) => {
    const to = each.attributes.get('to');
    const isFloat = isNarrowCode(to) || (to?.kind === 'int' && Number(to.value) === FLOAT32);
    if (!isOp(each, 'Cast') || !isFloat || !isKnownFloat(graph, uses, each.inputs[0] ?? '')) return each;
    return { ...each, opType: 'Identity', attributes: new Map() };
  });
}

function widened(tensor: Tensor): Tensor {
  if (!isNarrow(tensor.dataType)) return tensor;
  const array: NdArray = { type: 'float32', dims: tensor.dims, data: floatsOf(tensor) };
  return tensorOf(array);
}
