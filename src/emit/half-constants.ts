import { dataTypeCodes } from '../graph/data-type.js';
import { NameScope } from '../graph/edit.js';
import { attribute, type Model, node } from '../graph/model.js';
import { floatsOf, floatTensor, type Tensor } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';
import type { EmittedModel } from './emit-model.js';

/** Smaller ones take no fewer bytes with the Cast behind them. */
const LEAST_ELEMENTS = 64;

/** The error that rounding to 11 bits of mantissa may make, relative to the values: what is too small or too large makes more. */
const MOST_ERROR = 2 ** -10;

/**
 * Constants of the float model that stand in the written one as float32, in float16: codes → Cast, which the runtime folds at
 * load, so that everything computes as before.
 *
 * @param float - the folded float model
 * @param only - the names of the constants; all without it
 */
export function withHalfConstants(
  emitted: EmittedModel,
  float: Model,
  only?: ReadonlySet<string>,
): EmittedModel {
  const { graph } = emitted.model;
  const initializers = new Map(graph.initializers);
  const written = { ...graph, initializers };
  const names = new NameScope(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const casts = [...graph.initializers].flatMap(([name, tensor]) => {
    if (only?.has(name) === false) return [];
    if (outputs.has(name) || float.graph.initializers.get(name)?.dataType !== 'float32') return [];
    const half = halfOf(tensor);
    if (!half) return [];
    const stored = names.fresh(`${name}_h`);
    initializers.delete(name);
    initializers.set(stored, half);
    return [node('Cast', [stored], [name], { to: attribute.int(dataTypeCodes.float32) })];
  });
  if (casts.length === 0) return emitted;
  return {
    ...emitted,
    model: { ...emitted.model, graph: { ...written, nodes: [...casts, ...graph.nodes] } },
  };
}

/**
 * A float32 tensor in float16; undefined where that would lose more than digits, or save nothing.
 *
 * @param least - elements below which it saves nothing
 */
export function halfOf(tensor: Tensor, least = LEAST_ELEMENTS): Tensor | undefined {
  if (tensor.dataType !== 'float32' || elementCount(tensor.dims) < least) return undefined;
  const values = floatsOf(tensor);
  const half = floatTensor('float16', tensor.dims, values);
  const back = floatsOf(half);
  let [energy, error] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const [value, other] = [values[i] as number, back[i] as number];
    energy += value * value;
    error += (value - other) ** 2;
  }
  return error <= MOST_ERROR ** 2 * energy ? half : undefined;
}
