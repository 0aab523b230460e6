import { ownNames } from '../graph/bodies.js';
import { NameScope, replaceReads } from '../graph/edit.js';
import { type Graph, type Model, subgraphsOf } from '../graph/model.js';
import { separateNames } from '../graph/separate-names.js';
import { contentOf } from '../graph/tensor-content.js';
import { takesWeights } from '../graph/weight-inputs.js';
import { affineIntoPrevious } from './affine-into-previous.js';
import { constantNodes } from './constant-nodes.js';
import { constantSubgraphs } from './constant-subgraphs.js';
import { deadCode } from './dead-code.js';
import { gemmFactors } from './gemm-factors.js';
import { identities } from './identities.js';
import type { FoldContext, Pass } from './pass.js';

/**
 * Weights in the bodies of If, Loop and Scan move to the main graph, where they are stored like all others; the bodies read
 * them from there.
 *
 * - What a body computes from constants alone is evaluated first: exporters put the rows of LSTM weights in order there.
 * - A BatchNormalization, and factors of channels and of a Gemm, fold into the layer before them, where its constants are the body's.
 * - Only float32 constants of a Conv, Gemm, MatMul or another operator that is quantized move; a constant that the body
 *   returns, or that an old file lists among the body's inputs, stays.
 * - A name that another graph gives to a value, too, becomes a fresh one, whatever the value is; so do ids of nodes that two bodies
 *   share.
 */
export const bodyConstants: Pass = {
  name: 'body-constants',
  summary: 'weights in branches and loops move to the main graph',
  needs: ['constants are initializers', 'initializers are not fed'],
  ensures: [],
  async run(model: Model, context: FoldContext): Promise<number> {
    const { graph } = model;
    if (!graph.nodes.some((node) => subgraphsOf(node).length > 0)) return 0;
    for (const node of graph.nodes)
      for (const body of subgraphsOf(node)) await evaluateIn(model, body, graph.initializers, context);
    separateNames(graph);
    return moveWeights(graph);
  },
};

/** Evaluate what a body computes from constants alone, its own and those around it. */
async function evaluateIn(
  model: Model,
  body: Graph,
  outer: Graph['initializers'],
  context: FoldContext,
): Promise<void> {
  await constantNodes.run({ ...model, graph: body }, context);
  const fed = new Set(body.inputs.map(({ name }) => name));
  const own = [...body.initializers].filter(([name]) => !fed.has(name));
  const view: Graph = { ...body, initializers: new Map([...outer, ...own]) };
  const known = new Set(view.initializers.keys());
  await constantSubgraphs.run({ ...model, graph: view }, context);
  body.nodes = view.nodes;
  for (const [name, tensor] of view.initializers) if (!known.has(name)) body.initializers.set(name, tensor);
  for (const node of body.nodes)
    for (const inner of subgraphsOf(node)) await evaluateIn(model, inner, view.initializers, context);
  await foldIn(model, body, context);
}

/** Passes that a body is folded by, as a model of its own: what it reads from outside is fed. */
const inBodies: readonly Pass[] = [identities, affineIntoPrevious, gemmFactors, deadCode];

async function foldIn(model: Model, body: Graph, context: FoldContext): Promise<void> {
  const fed = new Set(body.inputs.map(({ name }) => name));
  const [own, given] = [true, false].map(
    (isOwn) => new Map([...body.initializers].filter(([name]) => isOwn !== fed.has(name))),
  ) as [Graph['initializers'], Graph['initializers']];
  body.initializers = own;
  // What BatchNormalization told is of the main graph's values.
  for (const pass of inBodies) await pass.run({ ...model, graph: body, batchNorms: new Map() }, context);
  for (const [name, tensor] of given) body.initializers.set(name, tensor);
}

function moveWeights(graph: Graph): number {
  const names = new NameScope(graph);
  const makers = new Map<string, number>();
  const graphs = [graph];
  for (const each of graphs) {
    for (const name of ownNames(each)) makers.set(name, (makers.get(name) ?? 0) + 1);
    for (const node of each.nodes) graphs.push(...subgraphsOf(node));
  }
  // Exporters give each branch a copy of its own.
  const known = new Map<string, string>();
  let moved = 0;
  for (const body of graphs.slice(1)) {
    const kept = new Set([...body.inputs, ...body.outputs].map(({ name }) => name));
    const read = readByWeighted(body);
    for (const [name, tensor] of [...body.initializers]) {
      if (!read.has(name) || kept.has(name) || tensor.dataType !== 'float32') continue;
      const content = contentOf(tensor);
      const wanted = known.get(content) ?? (makers.get(name) === 1 ? name : names.fresh(name));
      if (wanted !== name) replaceReads(body, name, wanted);
      body.initializers.delete(name);
      graph.initializers.set(wanted, tensor);
      known.set(content, wanted);
      moved++;
    }
  }
  return moved;
}

/** What nodes that have weights read, in a body and in the bodies in it. */
function readByWeighted(body: Graph): Set<string> {
  const read = new Set<string>();
  const visit = (graph: Graph) => {
    for (const node of graph.nodes) {
      if (takesWeights(node)) for (const name of node.inputs) read.add(name);
      for (const inner of subgraphsOf(node)) visit(inner);
    }
  };
  visit(body);
  return read;
}
