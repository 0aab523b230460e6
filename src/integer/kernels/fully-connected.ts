import { floatAttribute, intAttribute, isOp, type Node } from '../../graph/model.js';
import { type IntegerKernel, isOfTwo, NotInteger, type ProgramSource } from '../kernel.js';
import { type LinearParameters, readLinear, requantizerOf } from '../linear.js';
import type { Codes } from '../program.js';

/** Gemm and MatMul with a constant right side (TFLite's FullyConnected): weight [outputs, inputs]. */
export const fullyConnected: IntegerKernel = {
  name: 'fully-connected',
  opTypes: ['Gemm', 'MatMul'],
  summary: 'rows times a matrix',
  fits: (node, source) => !isOfTwo(node, source),
  read(node: Node, source: ProgramSource) {
    const isPlain = ['alpha', 'beta'].every((name) => floatAttribute(node, name, 1) === 1);
    if (!isPlain || intAttribute(node, 'transA', 0) !== 0)
      throw new NotInteger('it has a factor, or transposes its input');
    const isTransposed = isOp(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0;
    const { input, output, parameters, nodes } = readLinear(
      node,
      source,
      isTransposed ? 0 : 1,
      !isTransposed,
    );
    if (parameters.weightDims.length !== 2) throw new NotInteger('its weight is no matrix');
    const codesOf = requantizerOf(parameters, output.zeroPoint, source.arithmetic);
    return {
      inputs: [input],
      outputs: [output],
      nodes,
      parameters: { ...parameters },
      run: ([codes]) => [runFullyConnected(parameters, codes as Codes, codesOf)],
    };
  },
};

/** The codes of rows [..., inputs] times the matrix: [..., outputs]; int32 sums where nothing requantizes them. */
export function runFullyConnected(
  p: LinearParameters,
  input: Codes,
  codesOf: ReturnType<typeof requantizerOf>,
): Codes {
  const [outputs = 1, inputs = 1] = p.weightDims;
  const rows = input.data.length / inputs;
  const data = p.multipliers.length === 0 ? new Int32Array(rows * outputs) : new Int8Array(rows * outputs);
  for (let row = 0; row < rows; row++)
    for (let o = 0; o < outputs; o++) {
      let sum = p.start[o] as number;
      for (let i = 0; i < inputs; i++)
        sum = (sum + (input.data[row * inputs + i] as number) * (p.weight[o * inputs + i] as number)) | 0;
      data[row * outputs + o] = codesOf(sum, o);
    }
  return { dims: [...input.dims.slice(0, -1), outputs], data };
}
