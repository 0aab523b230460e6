import { floatAttribute, type Node, ruleFor, stringAttribute } from '../../graph/model.js';
import { erf } from '../../numerics/erf.js';
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

type Curve = (x: number) => number;

const sigmoid: Curve = (x) => 1 / (1 + Math.exp(-x));
const within01 = (x: number) => clamp(x, 0, 1);

/** What is behind the point of tanh's argument in the approximation of Gelu (Hendrycks and Gimpel 2016, §2). */
const GELU_CUBE = 0.044715;

/** Functions of one value, which a table of 256 codes holds. */
const curves: Readonly<Record<string, (node: Node) => Curve>> = {
  Elu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  },
  Gelu: (node) =>
    stringAttribute(node, 'approximate', 'none') === 'tanh'
      ? (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + GELU_CUBE * x ** 3)))
      : (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  Erf: () => erf,
  HardSigmoid: (node) => {
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)];
    return (x) => within01(alpha * x + beta);
  },
  HardSwish: () => (x) => x * within01(x / 6 + 0.5),
  LeakyRelu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  Sigmoid: () => sigmoid,
  Tanh: () => Math.tanh,
};

/** A function of one value as a table: for each int8 code from −128 on, the code of the result (TFLite's LUT kernels). */
export const lookup: IntegerKernel = {
  name: 'lookup',
  opTypes: Object.keys(curves),
  summary: 'a function of one value, as a table of 256 codes',
  read(node: Node, source: ProgramSource) {
    const input = source.valueOf(activationAt(node, 0, source));
    const written = resultOf(node.outputs[0] ?? '', source);
    const output = source.valueOf(written);
    const { low, high } = boundsOf(written);
    const curve = ruleFor(curves, node)?.(node) ?? ((x: number) => x);
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
