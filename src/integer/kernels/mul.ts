import type { Node } from '../../graph/model.js';
import { clamp } from '../../numerics/round.js';
import { eachPair } from '../broadcast.js';
import { formOf, type IntegerKernel, type ProgramSource, scaleOf } from '../kernel.js';
import { readOperands } from '../pair.js';
import type { Codes } from '../program.js';

/** Multiplication of two activations, element by element (TFLite's kernel of Mul): M = s_1·s_2 / s_y. */
export const mul: IntegerKernel = {
  name: 'mul',
  opTypes: ['Mul'],
  summary: 'multiplication, element by element',
  read(node: Node, source: ProgramSource) {
    const { inputs, output, bounds, nodes, constants } = readOperands(node, source);
    const [a = 1, b = 1] = inputs.map(scaleOf);
    const form = formOf(source, (a * b) / scaleOf(output));
    const [zeroA = 0, zeroB = 0] = inputs.map(({ zeroPoint }) => zeroPoint);
    const { multiply } = source.arithmetic;
    const result = (x: number, y: number) =>
      clamp(multiply((x - zeroA) * (y - zeroB), form) + output.zeroPoint, bounds.low, bounds.high);
    return {
      ...{ inputs, outputs: [output], nodes, constants, parameters: { ...form, ...bounds } },
      run: ([left, right]) => [eachPair(left as Codes, right as Codes, result)],
    };
  },
};
