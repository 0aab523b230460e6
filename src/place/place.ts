import { QuantizeError } from '../errors.js';
import { flatOf } from '../graph/flat.js';
import { type Graph, type Model, type Node, opsetOf } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import { checkPatterns, MAX_BITS, type Recipe, WIDE_BITS, widestRecipe } from '../recipe.js';
import { isLayerInput, placeAround } from './around.js';
import { insideOf, whyHidden } from './hidden.js';
import { layerNodes, type ObservedGraph, type PlacedLayers, placeLayers } from './layers.js';
import { ruleOf } from './operators.js';
import type { Placement, Role } from './placement.js';
import { nodesOfShapes } from './shape-nodes.js';
import { onnxruntime } from './targets/onnxruntime.js';
import { onnxruntimeWeb } from './targets/onnxruntime-web.js';
import { valuesOf } from './values.js';

/**
 * Decide what is quantized, from the graph and the recipe alone.
 *
 * 1. Layers: every Conv, Gemm and MatMul with a constant float32 weight, unless the recipe keeps it.
 * 2. Forward, what could be integer: a layer's result, arithmetic on such results, and what only moves values.
 * 3. Backward, what is worth it: only what a layer reads in the end.
 *
 * @param path - the model's file, for messages
 * @throws QuantizeError where a pattern of the recipe names no layer, nor, to exclude it, an operator with integer kernels
 */
export function place(model: Model, recipe: Recipe, path: string): Placement {
  const flat = observedGraph(model, recipe);
  const { graph, uses, hidden } = flat;
  checkPatterns(recipe, layerNodes(model.graph), path, graph.nodes.filter(ruleOf));
  const layers = placeLayers(flat, recipe);
  const unseen = [...hidden].map(([id, reason]) => [id, { kind: 'float', reason }] as const);
  const fixed = new Map<string, Role>([...unseen, ...shapeRoles(graph), ...layers.roles]);
  const isStatic = recipe.activations.kind === 'static';
  const around = isStatic ? placeAround(graph, uses, layers, new Set(fixed.keys())) : nothing;
  const roles = new Map<string, Role>([...fixed, ...around.roles]);
  for (const node of graph.nodes) {
    if (roles.has(node.id)) continue;
    roles.set(node.id, { kind: 'float', reason: reasonOf(graph, uses, layers, recipe, node) });
  }
  const { weighted } = layers;
  const isWide = recipe.activations.kind === 'static' && recipe.activations.bits === WIDE_BITS;
  const usualBits = isWide ? WIDE_BITS : MAX_BITS;
  return { roles, weighted, values: valuesOf({ graph, uses, roles, weighted, usualBits }, around.demanded) };
}

const OF_ONNXRUNTIME: ReadonlySet<string> = new Set([onnxruntime.name, onnxruntimeWeb.name]);

/** Runtimes of others get what stands in bodies in float: onnxruntime's kernels alone were measured there. */
function observedGraph(model: Model, { target }: Recipe): ObservedGraph {
  const flat = flatOf(model.graph);
  const opset = opsetOf(model);
  const isOwn = OF_ONNXRUNTIME.has(target);
  const hidden = [...flat.holders].flatMap(([id, holders]) => {
    const reason = isOwn ? whyHidden(holders, opset) : insideOf(holders);
    return reason === undefined ? [] : [[id, reason] as const];
  });
  return { ...flat, hidden: new Map(hidden) };
}

/**
 * Everything that any recipe quantizes: layers that stay float by themselves too, which a rule takes back. What is observed
 * for it is enough for every other.
 */
export function placeWidest(model: Model, path: string): Placement {
  const isEmpty = layerNodes(model.graph).length === 0;
  const rules = isEmpty ? [] : [{ pattern: '*', actBits: MAX_BITS }];
  return place(model, { ...widestRecipe, rules }, path);
}

/** What runs on integers around layers that do not. */
const nothing = { roles: new Map<string, Role>(), demanded: new Set<string>() };

/** Operators that compute shapes: they read integer constants alone beside them. */
function shapeRoles({ nodes, initializers }: Graph): Map<string, Role> {
  const integers = [...initializers].filter(([, { dataType }]) => dataType.startsWith('int'));
  const found = nodesOfShapes(
    nodes,
    integers.map(([name]) => name),
  );
  return new Map([...found].map(({ id }) => [id, { kind: 'shape' } as const]));
}

function reasonOf(graph: Graph, uses: Uses, layers: PlacedLayers, recipe: Recipe, node: Node): string {
  const rule = ruleOf(node);
  if (!rule) return 'onnxruntime has no integer kernel for it';
  const exception = rule.exception?.(node, graph);
  if (exception) return exception;
  const { kind } = recipe.activations;
  if (kind === 'float') return 'activations stay in float';
  if (kind === 'dynamic') return 'activations between the layers stay in float';
  const wanted = node.outputs.some((output) => isLayerInput(uses, layers, output));
  return wanted ? 'its inputs are not all integer' : 'no layer reads its result as integers';
}

/**
 * Refuse a placement without a single quantized layer, unless constants are to become smaller by themselves.
 *
 * @throws QuantizeError `nothing-to-quantize`, with the reason of the first layer
 */
export function refuseEmpty(
  { graph }: Model,
  placement: Placement,
  path: string,
  { float16 = false }: Partial<Pick<Recipe, 'float16'>> = {},
): void {
  if (placement.weighted.length > 0 || float16) return;
  const kept = layerNodes(graph)[0];
  const role = kept && placement.roles.get(kept.id);
  const reason =
    kept && role?.kind === 'float'
      ? `of ${kept.opType} "${kept.id}", ${role.reason}`
      : `it has no Conv, Gemm or MatMul`;
  throw new QuantizeError('nothing-to-quantize', { path, reason });
}
