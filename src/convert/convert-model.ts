import { QuantizeError } from '../errors.js';
import { tensorOfConstant } from '../graph/constant-node.js';
import { NameScope } from '../graph/edit.js';
import { type Graph, isOp, type Model, type Node, opsetOf, subgraphsOf } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { arrayOf, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { ConvertContext, Converter } from './converter.js';
import { converters, unconvertible } from './converters.js';

/** The oldest opset that the quantizer writes for: it brought per-channel DequantizeLinear. */
const TARGET_OPSET = 13;

/** The oldest IR version that opset 13 belongs to. */
const TARGET_IR = 7;

/**
 * Raise a model of opset 5 to 12 to opset 13, in place: each operator whose definition changed is rewritten to mean the
 * same. Models of opset 13 and above are left as they are.
 *
 * @param path - the model's file, for messages
 * @returns how many operators were rewritten
 * @throws QuantizeError `operator-unconvertible`
 */
export function convertModel(model: Model, path: string): number {
  if (opsetOf(model) >= TARGET_OPSET) return 0;
  const rewritten = raiseModel(model, path, TARGET_OPSET);
  model.irVersion = Math.max(model.irVersion, TARGET_IR);
  return rewritten;
}

/**
 * Raise a model to an opset up to 21, in place.
 *
 * @param from - the opset that its operators may still be of
 * @param names - where new names are taken from; by default what the graph does not use
 * @returns how many operators were rewritten
 * @throws QuantizeError `operator-unconvertible`
 */
export function raiseModel(
  model: Pick<Model, 'graph' | 'opsets'>,
  path: string,
  target: number,
  from = opsetOf(model),
  names?: NameScope,
): number {
  const opset = opsetOf(model);
  const isPassed = ({ since }: { since: number }) => since > from && since <= target;
  const steps = converters.filter(isPassed).sort((a, b) => a.since - b.since);
  const refused = unconvertible.filter(isPassed);
  let rewritten = 0;
  const convertGraph = (graph: Graph) => {
    for (const { opType, reason } of refused) {
      const found = graph.nodes.find((node) => isOp(node, opType));
      if (found) throw unconvertibleError(path, found, opset, target, reason);
    }
    for (const step of steps)
      rewritten += applyStep(graph, step, contextOf(graph, names), (node, reason) =>
        unconvertibleError(path, node, opset, target, reason),
      );
    for (const node of graph.nodes) for (const subgraph of subgraphsOf(node)) convertGraph(subgraph);
  };
  convertGraph(model.graph);
  model.opsets.set('', target);
  return rewritten;
}

function applyStep(
  graph: Graph,
  step: Converter,
  context: () => ConvertContext,
  refuse: (node: Node, reason: string) => QuantizeError,
): number {
  const old = graph.nodes.filter((node) => isOp(node, step.opType));
  if (old.length === 0) return 0;
  const asked = context();
  const results = new Map<Node, readonly Node[]>();
  for (const node of old) {
    const made = step.convert(node, asked);
    if (typeof made === 'string') throw refuse(node, made);
    results.set(node, made);
  }
  graph.nodes = graph.nodes.flatMap((node) => results.get(node) ?? [node]);
  return old.length;
}

const contextOf = (graph: Graph, given?: NameScope) => (): ConvertContext => {
  const uses = indexUses(graph);
  const names = given ?? new NameScope(graph);
  return {
    fresh: (wanted) => names.fresh(wanted),
    constant(wanted, array) {
      const name = names.fresh(wanted);
      graph.initializers.set(name, tensorOf(array));
      return name;
    },
    rankOf: (value) => rankOf(graph, uses, value),
    constantOf(value) {
      const producer = uses.producer(value);
      const node = producer && isOp(producer, 'Constant') ? producer : undefined;
      const tensor = graph.initializers.get(value) ?? (node && tensorOfConstant(node));
      return tensor && arrayOf(tensor);
    },
    isRead: (value) => !uses.isUnused(value),
  };
};

function unconvertibleError(
  path: string,
  node: Node,
  opset: number,
  target: number,
  reason: string,
): QuantizeError {
  const facts = { path, opType: node.opType, node: node.name ?? node.id, opset, target, reason };
  return new QuantizeError('operator-unconvertible', facts);
}
