import { QuantizeError } from '../errors.js';
import { isArrayType } from '../graph/data-type.js';
import { fedInputs, type Model, type ValueInfo } from '../graph/model.js';
import { floatTensor, type Tensor, tensorOf } from '../graph/tensor.js';
import { allocate, elementCount } from '../numerics/nd-array.js';

/** What a user says of a model's inputs before anything is done with it. */
export interface GivenInputs {
  /** Inputs that hold one number at every run: constants from here on. */
  readonly set?: Readonly<Record<string, number>> | undefined;
  /** Shapes of inputs, the batch included. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined;
}

/**
 * Make inputs constants, and give inputs another shape than the file states.
 *
 * - A constant has the shape that is stated, open dimensions as 1.
 * - A shape of the stated rank takes the place of what is stated; shapes of other values may have followed from it, and are
 *   forgotten. Whether the model computes with that size the runtime says.
 *
 * @returns whether the model is another now
 * @throws QuantizeError `bad-option` for an input that is not there, or holds no numbers
 */
export function giveInputs({ graph }: Model, { set = {}, shapes = {} }: GivenInputs): boolean {
  for (const [name, value] of Object.entries(set)) {
    const input = fedInputs(graph).find((each) => each.name === name);
    if (!input) {
      const known = fedInputs(graph)
        .map((each) => each.name)
        .join(', ');
      throw refuse(`names "${name}", which is no input of the model`, `Its inputs: ${known}.`);
    }
    graph.initializers.set(name, constantOf(input, value));
    graph.inputs = graph.inputs.filter((each) => each !== input);
  }
  let isOther = Object.keys(set).length > 0;
  graph.inputs = graph.inputs.map((input) => {
    const dims = Object.hasOwn(shapes, input.name) ? shapes[input.name] : undefined;
    const isStated =
      dims?.length === input.shape?.length &&
      input.shape?.some((dim, axis) => typeof dim === 'number' && dim > 0 && dim !== dims?.[axis]);
    if (!dims || !isStated) return input;
    isOther = true;
    return { name: input.name, dataType: input.dataType, shape: dims };
  });
  if (isOther) forgetShapes({ graph });
  return isOther;
}

function forgetShapes({ graph }: Pick<Model, 'graph'>): void {
  graph.valueInfo.clear();
  graph.outputs = graph.outputs.map(({ name, dataType, shape, carried }) =>
    shape ? { name, dataType, shape: shape.map(() => undefined) } : { name, dataType, shape, carried },
  );
}

/** A tensor of the type and shape of an input that holds one number everywhere; `bool` holds 0 or 1. */
function constantOf({ name, dataType, shape = [] }: ValueInfo, value: number): Tensor {
  const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
  const isFloat = dataType === 'float32' || dataType === 'float64' || dataType === 'float16';
  if (isFloat) return floatTensor(dataType, dims, new Array<number>(elementCount(dims)).fill(value));
  if (!isArrayType(dataType))
    throw refuse(`cannot give "${name}" a number`, `It is ${dataType ?? 'no tensor'}.`);
  if (!Number.isSafeInteger(value))
    throw refuse(`cannot be ${value} for "${name}"`, `It is ${dataType}: give a whole number.`);
  const one = dataType === 'bool' ? Number(value !== 0) : value;
  const data = allocate(dataType, elementCount(dims));
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(one));
  else data.fill(one);
  return tensorOf({ type: dataType, dims, data });
}

const refuse = (problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag: '--set', problem, mend });
