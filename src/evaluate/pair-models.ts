import { QuantizeError } from '../errors.js';
import type { Dim, Graph, Model, ValueInfo } from '../graph/model.js';
import type { ArrayType } from '../numerics/nd-array.js';
import type { Adapter } from './adapted-runner.js';

/** A model, and the file that it is from. */
interface NamedModel {
  readonly path: string;
  readonly model: Model;
}

/** One output of both models. */
export interface OutputPair {
  readonly float: string;
  readonly quantized: string;
  readonly matchedBy: 'name' | 'order';
}

/** How two models are run on the same samples. */
export interface ModelPairing {
  /** The inputs, each dimension fixed that either model fixes. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly OutputPair[];
  /** The float model with its paired outputs alone. */
  readonly floatOutputs: Adapter;
  readonly adapter: Adapter;
  /** What a reader of the numbers should know: inputs that are converted, outputs by order, outputs left out. */
  readonly notes: readonly string[];
}

const floatTypes: readonly (string | undefined)[] = ['float16', 'float32', 'float64'];

/**
 * Bring the inputs and outputs of two models together. Inputs have to agree in names and shapes, and in types but for
 * the width of floats, which is converted. Outputs are matched by name; the rest by order, where there are as many.
 *
 * @throws QuantizeError `inputs-differ` or `outputs-differ`
 */
export function pairModels(float: NamedModel, quantized: NamedModel): ModelPairing {
  const notes: string[] = [];
  const [floatInputs, quantizedInputs] = [inputsOf(float.model.graph), inputsOf(quantized.model.graph)];
  const differ = (problem: string) =>
    new QuantizeError('inputs-differ', { float: float.path, quantized: quantized.path, problem });
  for (const { name } of quantizedInputs) {
    if (!floatInputs.some((input) => input.name === name)) {
      throw differ(`"${name}" of the second is no input of the first, which has ${namesOf(floatInputs)}`);
    }
  }
  const inputTypes = new Map<string, ArrayType>();
  const inputs = floatInputs.map((input): ValueInfo => {
    const { name } = input;
    const other = quantizedInputs.find((candidate) => candidate.name === name);
    if (!other) {
      throw differ(`"${name}" of the first is no input of the second, which has ${namesOf(quantizedInputs)}`);
    }
    if (input.dataType !== other.dataType) {
      if (!floatTypes.includes(input.dataType) || !floatTypes.includes(other.dataType)) {
        throw differ(
          `"${name}" is ${input.dataType ?? 'no tensor'} in the first and ${other.dataType ?? 'no tensor'} in the second`,
        );
      }
      inputTypes.set(name, other.dataType as ArrayType);
      notes.push(
        `Input "${name}" is converted from ${input.dataType} to ${other.dataType} for the quantized model.`,
      );
    }
    const shape = mergedShape(input.shape, other.shape);
    if (shape === null) {
      throw differ(
        `"${name}" is ${shapeText(input.shape)} in the first and ${shapeText(other.shape)} in the second`,
      );
    }
    return { ...input, shape };
  });
  const outputs = pairOutputs(float.model.graph.outputs, quantized.model.graph.outputs, notes);
  if (outputs.length === 0) {
    throw new QuantizeError('outputs-differ', {
      float: float.path,
      quantized: quantized.path,
      floatOutputs: namesOf(float.model.graph.outputs),
      quantizedOutputs: namesOf(quantized.model.graph.outputs),
    });
  }
  return {
    inputs,
    outputs,
    floatOutputs: {
      inputTypes: new Map(),
      outputNames: new Map(outputs.map((pair) => [pair.float, pair.float])),
    },
    adapter: { inputTypes, outputNames: new Map(outputs.map((pair) => [pair.quantized, pair.float])) },
    notes,
  };
}

/** The inputs that must be fed: older models list their constants too. */
const inputsOf = ({ inputs, initializers }: Graph): ValueInfo[] =>
  inputs.filter(({ name }) => !initializers.has(name));

const namesOf = (values: readonly ValueInfo[]): string =>
  values.map(({ name }) => `"${name}"`).join(', ') || 'none';

const shapeText = (shape: readonly Dim[] | undefined): string =>
  `[${(shape ?? []).map((dim) => dim ?? '?').join(', ')}]`;

/** The dimensions that both allow; null where there are none. */
function mergedShape(
  a: readonly Dim[] | undefined,
  b: readonly Dim[] | undefined,
): readonly Dim[] | undefined | null {
  if (!a || !b) return a ?? b;
  const isSame =
    a.length === b.length &&
    a.every((dim, axis) => {
      const other = b[axis];
      return typeof dim !== 'number' || typeof other !== 'number' || dim === other;
    });
  return isSame ? a.map((dim, axis) => (typeof dim === 'number' ? dim : (b[axis] ?? dim))) : null;
}

function pairOutputs(
  float: readonly ValueInfo[],
  quantized: readonly ValueInfo[],
  notes: string[],
): OutputPair[] {
  const hasName = (values: readonly ValueInfo[], name: string) => values.some((value) => value.name === name);
  const [floatRest, quantizedRest] = [
    float.filter(({ name }) => !hasName(quantized, name)),
    quantized.filter(({ name }) => !hasName(float, name)),
  ];
  const isByOrder = floatRest.length === quantizedRest.length;
  const unpaired = (values: readonly ValueInfo[], where: string, other: string) => {
    const subject = `${values.length === 1 ? 'Output' : 'Outputs'} ${namesOf(values)} of the ${where} model`;
    notes.push(
      `${subject} ${values.length === 1 ? 'is' : 'are'} not compared: no counterpart in the ${other} model.`,
    );
  };
  if (!isByOrder) {
    if (floatRest.length > 0) unpaired(floatRest, 'float', 'quantized');
    if (quantizedRest.length > 0) unpaired(quantizedRest, 'quantized', 'float');
  }
  return float.flatMap((output): OutputPair[] => {
    const { name } = output;
    if (hasName(quantized, name)) return [{ float: name, quantized: name, matchedBy: 'name' }];
    const other = isByOrder ? quantizedRest[floatRest.indexOf(output)] : undefined;
    if (!other) return [];
    notes.push(`Output "${name}" is compared with "${other.name}", by order: their names differ.`);
    return [{ float: name, quantized: other.name, matchedBy: 'order' }];
  });
}
