import type { Model } from '../../src/graph/model.js';
import { floatsOf, floatTensor, tensorOf } from '../../src/graph/tensor.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';

/**
 * One small network as other tools write it: x [1, 2, 6, 6] → Conv c → BatchNormalization b → Relu r → Conv y. Weights are
 * multiples of a step, so that int8 holds them exactly: what the quantized forms lose is the rounding of activations. None is
 * beyond ±63, so that no kernel of any x86 saturates: 255 · 126 < 2^15.
 */
const STEP = 0.008;
const GAMMA = 2;
const BETA = 0.5;
const steps = { x: 2 / 255, r: 0.05, y: 0.25 };
const shapes = { c: [3, 2, 3, 3], y: [4, 3, 3, 3] } as const;
const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };

const codesOf = (layer: keyof typeof shapes): Int8Array => {
  const seed = layer === 'c' ? 1 : 2;
  return Int8Array.from(
    randomFloats(
      shapes[layer].reduce((a, b) => a * b, 1),
      seed,
      -63,
      63,
    ),
    Math.round,
  );
};
const bias = Float32Array.from(randomFloats(3, 3));

/** The float model. */
export function floatNet(): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 6, 6]);
  for (const layer of ['c', 'y'] as const) {
    g.constant(
      `${layer}_weight`,
      shapes[layer],
      Float32Array.from(codesOf(layer), (code) => code * STEP),
    );
  }
  g.constant('c_bias', [3], bias);
  for (const [name, value] of [
    ['gamma', GAMMA],
    ['beta', BETA],
    ['mean', 0],
    ['var', 1],
  ] as const) {
    g.constant(name, [3], new Float32Array(3).fill(value));
  }
  g.node('Conv', ['x', 'c_weight', 'c_bias'], 'c', pads);
  g.node('BatchNormalization', ['c', 'gamma', 'beta', 'mean', 'var'], 'b', {
    epsilon: { kind: 'float', value: 0 },
  });
  g.node('Relu', ['b'], 'r');
  g.node('Conv', ['r', 'y_weight'], 'y', pads);
  g.output('y', [1, 4, 6, 6]);
  return g.build();
}

/** Scales, zero points, int8 weights and the int32 bias, the BatchNormalization folded into the first Conv. */
function constants(g: GraphBuilder): void {
  g.input('x', [1, 2, 6, 6]);
  for (const [name, scale, zeroPoint] of [
    ['x', steps.x, 128],
    ['r', steps.r, 0],
    ['y', steps.y, 128],
  ] as const) {
    g.constant(`${name}_scale`, [], [scale]);
    g.constant(`${name}_zero_point`, [], Uint8Array.of(zeroPoint));
  }
  g.constant('c_weight_quantized', shapes.c, codesOf('c'));
  g.constant('c_weight_scale', [], [STEP * GAMMA]);
  g.constant('y_weight_quantized', shapes.y, codesOf('y'));
  g.constant('y_weight_scale', [], [STEP]);
  g.constant('weight_zero_point', [], Int8Array.of(0));
  const step = Math.fround(steps.x) * STEP * GAMMA;
  const codes = Int32Array.from(bias, (value) => Math.round((value * GAMMA + BETA) / step));
  g.constant('c_bias_quantized', [3], codes);
  g.constant('c_bias_scale', [], [step]);
}

/** In QDQ form, under the names that onnxruntime's quantizer gives: the Relu is left to the range of "r". */
export function qdqNet(): Model {
  const g = new GraphBuilder();
  constants(g);
  const quantized = (value: string) => {
    const [q, dq] = [`${value}_QuantizeLinear_Output`, `${value}_DequantizeLinear_Output`];
    const parameters = [`${value}_scale`, `${value}_zero_point`];
    g.node('QuantizeLinear', [value, ...parameters], q);
    return g.node('DequantizeLinear', [q, ...parameters], dq);
  };
  const dequantized = (name: string) =>
    g.node('DequantizeLinear', [`${name}_quantized`, `${name}_scale`], `${name}_DequantizeLinear_Output`);
  const input = quantized('x');
  g.node('Conv', [input, dequantized('c_weight'), dequantized('c_bias')], 'r', pads);
  g.node('Conv', [quantized('r'), dequantized('y_weight')], 'y_QuantizeLinear_Input', pads);
  g.node('QuantizeLinear', ['y_QuantizeLinear_Input', 'y_scale', 'y_zero_point'], 'y_codes');
  g.node('DequantizeLinear', ['y_codes', 'y_scale', 'y_zero_point'], 'y');
  g.output('y', [1, 4, 6, 6]);
  return g.build();
}

/** In operators on integers: the clamped result of the first layer is named after its BatchNormalization. */
export function operatorNet(): Model {
  const g = new GraphBuilder();
  constants(g);
  g.node('QuantizeLinear', ['x', 'x_scale', 'x_zero_point'], 'x_quantized');
  const layer = (input: string, name: 'c' | 'y', result: string, output: string, more: string[] = []) =>
    g.node(
      'QLinearConv',
      [
        ...[
          `${input}_quantized`,
          `${input === 'x' ? 'x' : 'r'}_scale`,
          `${input === 'x' ? 'x' : 'r'}_zero_point`,
        ],
        ...[`${name}_weight_quantized`, `${name}_weight_scale`, 'weight_zero_point'],
        ...[`${result}_scale`, `${result}_zero_point`, ...more],
      ],
      `${output}_quantized`,
      pads,
    );
  layer('x', 'c', 'r', 'b', ['c_bias_quantized']);
  layer('b', 'y', 'y', 'y');
  g.node('DequantizeLinear', ['y_quantized', 'y_scale', 'y_zero_point'], 'y');
  g.output('y', [1, 4, 6, 6]);
  return g.build();
}

/** In float16, its input and output too, under the names of the float model. */
export function halfNet(): Model {
  const model = floatNet();
  const { graph } = model;
  for (const [name, tensor] of graph.initializers) {
    graph.initializers.set(name, floatTensor('float16', tensor.dims, floatsOf(tensor)));
  }
  graph.inputs = graph.inputs.map((value) => ({ ...value, dataType: 'float16' }));
  graph.outputs = graph.outputs.map((value) => ({ ...value, dataType: 'float16' }));
  return model;
}

/** The model with every value renamed but its inputs: as after an optimizer that numbers them. */
export function renamed(model: Model): Model {
  const { graph } = model;
  const kept = new Set(['', ...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  const names = new Map<string, string>();
  const nameOf = (value: string) => {
    if (kept.has(value)) return value;
    if (!names.has(value)) names.set(value, `v${names.size}`);
    return names.get(value) as string;
  };
  graph.nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
  }));
  graph.outputs = graph.outputs.map((value) => ({ ...value, name: nameOf(value.name) }));
  return model;
}

/** The model with one of its int8 weights filled with another code: a quantizer that went wrong there. */
export function spoiled(model: Model, weight: string, code: number): Model {
  const tensor = model.graph.initializers.get(weight);
  if (!tensor) throw new Error(`there is no ${weight}`);
  const data = new Int8Array(tensor.dims.reduce((a, b) => a * b, 1)).fill(code);
  model.graph.initializers.set(weight, tensorOf({ type: 'int8', dims: tensor.dims, data }));
  return model;
}
