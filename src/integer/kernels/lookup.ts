import { curveOf } from '../../graph/curves.js';
import type { Node } from '../../graph/model.js';
import { clamp, roundHalfEven } from '../../numerics/round.js';
import {
  activationAt,
  boundsOf,
  type IntegerKernel,
  type ProgramSource,
  resultOf,
  scaleOf,
} from '../kernel.js';
import type { Codes } from '../program.js';
import { lookUp } from '../requantize.js';

/** Functions of one value, which a table of 256 codes holds. */
const opTypes = ['Elu', 'Erf', 'Gelu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Sigmoid', 'Tanh'];

/** A function of one value as a table: for each int8 code from −128 on, the code of the result (TFLite's LUT kernels). */
export const lookup: IntegerKernel = {
  name: 'lookup',
  opTypes,
  summary: 'a function of one value, as a table of 256 codes',
  read(node: Node, source: ProgramSource) {
    const input = source.valueOf(activationAt(node, 0, source));
    const written = resultOf(node.outputs[0] ?? '', source);
    const output = source.valueOf(written);
    const { low, high } = boundsOf(written);
    const curve = curveOf(node) ?? ((x: number) => x);
    const table = Int8Array.from({ length: 256 }, (_, i) => {
      const real = curve(scaleOf(input) * (i - 128 - input.zeroPoint));
      return clamp(roundHalfEven(real / scaleOf(output)) + output.zeroPoint, low, high);
    });
    return {
      ...{ inputs: [input], outputs: [output], nodes: written.nodes, parameters: { table } },
      run: ([codes]) => [{ ...(codes as Codes), data: lookUp((codes as Codes).data, table) }],
    };
  },
};
