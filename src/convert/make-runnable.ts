import { QuantizeError } from '../errors.js';
import {
  type Graph,
  type Model,
  type Node,
  opsetOf,
  ruleFor,
  stringAttribute,
  subgraphsOf,
} from '../graph/model.js';
import { raiseModel } from './convert-model.js';

/** IR versions that onnxruntime 1.30 loads: 3 is the oldest with a stable format. */
const RUNNABLE_IR = { oldest: 3, newest: 13 } as const;

/** Operator sets that onnxruntime 1.30 runs. */
const RUNNABLE_OPSETS = { oldest: 7, newest: 26 } as const;

/** What is read beyond that: what onnx 1.23 writes, and what the first exporters wrote. */
export const READABLE_IR = { oldest: 3, newest: 14 } as const;
export const READABLE_OPSETS = { oldest: 5, newest: 28 } as const;

/** An operator of a newer opset: how a node of it is written for `RUNNABLE_OPSETS.newest`. */
interface Newer {
  readonly since: number;
  /** The attributes that it has only there, with the value that says what the older definition does. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Why no older definition does the same; without it, all that changed are types, which the runtime checks. */
  readonly reason?: string;
}

const isNew = (since: number): Newer => ({ since, reason: `opset ${since} brought it` });

/**
 * Operators that opsets 27 and 28 brought or changed. Source: the operator changelog of onnx 1.23. All others are as they
 * were in opset 26. `stash_type` of Range matters for 16-bit floats alone, which Range did not take before.
 */
const newer: Readonly<Record<string, Newer>> = {
  CausalConvWithState: isNew(27),
  LinearAttention: isNew(27),
  SwiGLU: isNew(28),
  Range: { since: 27, attributes: { stash_type: '' } },
  SpaceToDepth: { since: 28, attributes: { mode: 'DCR' } },
};

/**
 * Bring a model into the versions that the runtime runs, in place, where that changes nothing: opset 5 and 6 are raised
 * to 7, opsets 27 and 28 and IR 14 lowered to 26 and 13.
 *
 * @returns whether anything changed, so that the file itself cannot be run
 * @throws QuantizeError `operator-unconvertible` with the operator's name
 */
export function makeRunnable(model: Model, path: string): boolean {
  const opset = opsetOf(model);
  const { irVersion } = model;
  // Files that say opset 6 have operators of opset 5, and a Reshape of opset 1, too.
  if (opset < RUNNABLE_OPSETS.oldest)
    raiseModel(model, path, RUNNABLE_OPSETS.oldest, READABLE_OPSETS.oldest - 1);
  if (opset > RUNNABLE_OPSETS.newest) {
    lowerGraph(model.graph, path, opset);
    model.opsets.set('', RUNNABLE_OPSETS.newest);
  }
  model.irVersion = Math.min(irVersion, RUNNABLE_IR.newest);
  return model.irVersion !== irVersion || opsetOf(model) !== opset;
}

function lowerGraph(graph: Graph, path: string, opset: number): void {
  for (const node of graph.nodes) {
    const change = ruleFor(newer, node);
    if (change && change.since <= opset) lowerNode(node, change, path, opset);
    for (const subgraph of subgraphsOf(node)) lowerGraph(subgraph, path, opset);
  }
}

function lowerNode(node: Node, { attributes = {}, reason }: Newer, path: string, opset: number): void {
  const refuse = (why: string) => {
    const facts = { path, opType: node.opType, node: node.name ?? node.id, opset, reason: why };
    return new QuantizeError('operator-too-new', { ...facts, newest: RUNNABLE_OPSETS.newest });
  };
  if (reason) throw refuse(reason);
  for (const [name, usual] of Object.entries(attributes)) {
    if (usual && stringAttribute(node, name, usual) !== usual) throw refuse(`its ${name} is new there`);
    node.attributes.delete(name);
  }
}
