import { dropUnreadConstants } from '../graph/edit.js';
import { flatOf } from '../graph/flat.js';
import { RUNTIME_DOMAIN } from '../graph/integer-forms.js';
import { type Graph, type Model, subgraphsOf } from '../graph/model.js';
import type { Plan } from '../quantize/plan.js';
import type { QuantizedTensor } from '../quantize/quantized-tensor.js';
import { RUNTIME_DOMAIN_VERSION } from './block-writer.js';
import { Constants } from './constants.js';
import { GraphEmitter } from './graph-emitter.js';
import { nameValues } from './value-names.js';
import { WeightWriter } from './weight-writer.js';
import { formTarget } from './weights/forms.js';

/** A written graph, and how to find in it what the float graph had. */
export interface EmittedModel {
  readonly model: Model;
  /** For each quantized value of the float graph, what a DQ of it reads: its codes, their scale and zero point. */
  readonly codes: ReadonlyMap<string, readonly string[]>;
}

/**
 * Write a plan as a QDQ graph: uint8 activations, int8 weights, int32 biases.
 *
 * Q and DQ stand where the placement says, around integer kernels only. Operators that move values run on the codes
 * themselves. Graph inputs and outputs keep their names, types and dynamic dimensions.
 *
 * @param model - the folded float model; left as it is
 * @param unpaid - weights that are stored as plain int8, whatever their width
 */
export function emitModel(model: Model, plan: Plan, unpaid?: ReadonlySet<QuantizedTensor>): EmittedModel {
  const graph: Graph = {
    ...model.graph,
    nodes: [],
    initializers: new Map(model.graph.initializers),
    valueInfo: new Map(model.graph.valueInfo),
  };
  const flat = flatOf(model.graph);
  const { names, scope } = nameValues(plan.placement, flat);
  const constants = new Constants(graph, scope);
  const weights = new WeightWriter(graph.nodes, constants, {
    ...formTarget(model, plan.recipe.format),
    unpaid,
  });
  const whole = {
    flat,
    plan,
    names,
    constants,
    weights,
    nodes: graph.nodes,
    scales: new Map(),
    inBlocks: new Map(),
  };
  const codes = new GraphEmitter(whole, model.graph, graph.nodes).emit();
  dropUnreadConstants(graph);
  const opsets = new Map(model.opsets);
  if (isIn(graph, RUNTIME_DOMAIN) && !opsets.has(RUNTIME_DOMAIN))
    opsets.set(RUNTIME_DOMAIN, RUNTIME_DOMAIN_VERSION);
  return { model: { ...model, opsets, graph, metadata: new Map(model.metadata) }, codes };
}

/** Whether a node of a domain stands in a graph or in the bodies of its nodes. */
const isIn = ({ nodes }: Graph, wanted: string): boolean =>
  nodes.some((each) => each.domain === wanted || subgraphsOf(each).some((body) => isIn(body, wanted)));
