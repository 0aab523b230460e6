import { erf } from '../numerics/erf.js';
import { clamp } from '../numerics/round.js';
import { floatAttribute, type Node, ruleFor, stringAttribute } from './model.js';

/** A function of one real value. */
export type Curve = (x: number) => number;

const sigmoid: Curve = (x) => 1 / (1 + Math.exp(-x));
const within01: Curve = (x) => clamp(x, 0, 1);

/** What is behind the point of tanh's argument in the approximation of Gelu (Hendrycks and Gimpel 2016, §2). */
const GELU_CUBE = 0.044715;

const softplus: Curve = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));

/** Functions of one value, by operator. */
const curves: Readonly<Record<string, (node: Node) => Curve>> = {
  Elu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  },
  Erf: () => erf,
  Exp: () => Math.exp,
  Gelu: (node) =>
    stringAttribute(node, 'approximate', 'none') === 'tanh'
      ? (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + GELU_CUBE * x ** 3)))
      : (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  HardSigmoid: (node) => {
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)];
    return (x) => within01(alpha * x + beta);
  },
  HardSwish: () => (x) => x * within01(x / 6 + 0.5),
  LeakyRelu: (node) => {
    const alpha = floatAttribute(node, 'alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  Log: () => Math.log,
  Mish: () => (x) => x * Math.tanh(softplus(x)),
  Neg: () => (x) => -x,
  Reciprocal: () => (x) => 1 / x,
  Relu: () => (x) => Math.max(x, 0),
  Sigmoid: () => sigmoid,
  Softplus: () => softplus,
  Sqrt: () => Math.sqrt,
  Tanh: () => Math.tanh,
};

/** What an operator makes of its one input; undefined where it is no such function, or none of the table. */
export const curveOf = (node: Node): Curve | undefined => ruleFor(curves, node)?.(node);
