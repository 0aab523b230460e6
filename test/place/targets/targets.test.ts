import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/graph/model.js';
import { withKnownConstants } from '../../../src/integer/constants.js';
import { checkedFile } from '../../../src/place/targets/checked-file.js';
import type { Target } from '../../../src/place/targets/target.js';
import { targets } from '../../../src/place/targets/targets.js';
import { GraphBuilder } from '../../support/graph-builder.js';
import { between, residual } from '../../support/nets.js';
import { quantizeModel } from '../../support/quantize-model.js';

interface Variant {
  readonly activation?: 'uint8' | 'int8' | 'int16';
  readonly zeroPoint?: number;
  readonly weight?: 'int8' | 'uint8';
  readonly weightZero?: number;
  readonly code?: number;
  readonly axis?: number;
  readonly block?: boolean;
  readonly bias?: 'int32' | 'float' | 'elsewhere';
  readonly middle?: (g: GraphBuilder, value: string) => string;
  readonly onCodes?: boolean;
  readonly openResult?: boolean;
  readonly isComputed?: boolean;
  readonly isPacked?: boolean;
}

const arrays = { uint8: Uint8Array, int8: Int8Array, int16: Int16Array };
const integers = (type: keyof typeof arrays, values: readonly number[]) => new arrays[type](values);

/** x → Q DQ → Conv of a weight and a bias behind DQ → Q DQ → Add with itself → Q DQ → y, and what is varied in it. */
function file(v: Variant = {}): Model {
  const { activation = 'int8', zeroPoint = 0, weight = 'int8', weightZero = 0, axis = 0, bias = 'int32' } = v;
  const g = new GraphBuilder();
  g.input('x', [1, 2, 4, 4]);
  g.constant('s', [], [0.02]);
  g.constant('z', [], arrays[activation].of(zeroPoint));
  const scale = v.isComputed ? g.node('Abs', [g.input('given', [])], 'computed') : 's';
  const pair = (value: string, name: string, by = 's') => {
    const codes = g.node('QuantizeLinear', [value, by, 'z'], `${name}_q`);
    const moved =
      v.onCodes && name === 'c' ? g.node('Transpose', [codes], `${name}_t`, { perm: [0, 1, 2, 3] }) : codes;
    return g.node('DequantizeLinear', [moved, by, 'z'], name);
  };
  const input = pair('x', 'x_dq', scale);
  const codes = integers(
    weight,
    Array.from({ length: 16 }, (_, i) => (i === 3 && v.code) || (i % 5) + weightZero),
  );
  g.constant('w', [2, 2, 2, 2], codes);
  const stored = v.isPacked ? g.node('Identity', ['w'], 'unpacked') : 'w';
  g.constant('ws', v.block ? [2, 1, 2, 2] : [2], new Float32Array(v.block ? 8 : 2).fill(0.01));
  g.constant('wz', v.block ? [2, 1, 2, 2] : [2], integers(weight, Array(v.block ? 8 : 2).fill(weightZero)));
  g.node('DequantizeLinear', [stored, 'ws', 'wz'], 'w_dq', v.block ? { axis: 1, block_size: 2 } : { axis });
  const product = Math.fround(Math.fround(0.02) * Math.fround(0.01)) * (bias === 'elsewhere' ? 1.01 : 1);
  g.constant('b', [2], Int32Array.of(5, -7));
  g.constant('bs', [2], [product, product]);
  g.constant('bf', [2], [0.1, -0.2]);
  if (bias !== 'float') g.node('DequantizeLinear', ['b', 'bs'], 'b_dq', { axis: 0 });
  const conv = g.node('Conv', [input, 'w_dq', bias === 'float' ? 'bf' : 'b_dq'], 'conv');
  const float = v.middle ? v.middle(g, conv) : conv;
  const result = v.openResult ? float : pair(float, 'c');
  g.node('Add', [result, v.openResult ? 'x' : result], 'sum');
  g.output(pair('sum', 'y'));
  return g.build({ opset: 21, irVersion: 10 });
}

async function brokenBy(model: Model, target: Target): Promise<string[]> {
  const checked = checkedFile(model, await withKnownConstants(model));
  return target.rules.filter(({ check }) => check(checked).length > 0).map(({ name }) => name);
}

const named = (name: string): Target => {
  const found = targets.find((each) => each.name === name);
  if (!found) throw new Error(`no target ${name}`);
  return found;
};

const cases: readonly [rule: string, target: string, breaking: Variant, keeping: Variant][] = [
  ['activation-types', 'tensorrt', { activation: 'uint8' }, {}],
  ['activation-types', 'onnxruntime', { activation: 'int16' }, { activation: 'uint8' }],
  ['symmetric-activations', 'tensorrt', { zeroPoint: 3 }, {}],
  ['weight-types', 'ethos-u', { weight: 'uint8', weightZero: 128 }, {}],
  ['symmetric-weights', 'openvino', { weightZero: 3 }, { weight: 'uint8', weightZero: 128 }],
  ['narrow-weights', 'ethos-u', { code: -128 }, { code: -127 }],
  ['plain-weights', 'qnn', { isPacked: true }, {}],
  ['channel-axis', 'st', { axis: 1 }, { axis: 0 }],
  ['no-blocks', 'qnn', { block: true }, {}],
  ['fixed-ranges', 'tensorrt', { isComputed: true }, {}],
  ['standard-operators', 'openvino', { middle: (g, x) => g.node('QLinearAdd', [x], 'odd') }, {}],
  ['pairs', 'tensorrt', { onCodes: true }, {}],
  ['operands', 'tensorrt', { middle: (g, x) => g.node('Add', [x, 'x_dq'], 'both') }, {}],
  [
    'results',
    'onnxruntime',
    { middle: (g, x) => g.node('Exp', [x], 'e') },
    { middle: (g, x) => g.node('Relu', [x], 'r') },
  ],
  ['bias', 'onnxruntime', { bias: 'elsewhere' }, {}],
  ['bias', 'ethos-u', { bias: 'float' }, {}],
  ['float-bias', 'tensorrt', {}, { bias: 'float' }],
  ['all-quantized', 'ethos-u', { middle: (g, x) => g.node('Exp', [x], 'e') }, {}],
  ['webgpu', 'onnxruntime-web', {}, {}],
];

describe('rules of targets', () => {
  it.each(cases)('%s of %s', async (rule, target, breaking, keeping) => {
    expect(await brokenBy(file(breaking), named(target))).toContain(rule);
    if (rule !== 'webgpu') expect(await brokenBy(file(keeping), named(target))).not.toContain(rule);
  });

  it('are each broken by a case, and have a source', () => {
    const tried = new Set(cases.map(([rule]) => rule));
    for (const { name, rules } of targets)
      for (const rule of rules) {
        expect(tried, `${name}: ${rule.name}`).toContain(rule.name);
        expect(rule.source.length).toBeGreaterThan(10);
      }
  });

  it('tell a file that each target takes: int8 of zero point 0, plain weights', async () => {
    const symmetric = file({ bias: 'float' });
    for (const name of ['tensorrt', 'migraphx', 'openvino', 'st'])
      expect(await brokenBy(symmetric, named(name))).toEqual([]);
    for (const name of ['qnn', 'ethos-u', 'openvino'])
      expect(await brokenBy(file(), named(name))).toEqual([]);
  });

  it('find nothing against our own files where onnxruntime is the target', async () => {
    for (const model of [
      residual(),
      between((net, x) => net.node('MaxPool', [x], 'p', { kernel_shape: [2, 2] })),
    ])
      for (const bits of [4, 8]) {
        const { emitted } = await quantizeModel(model, { bits, allLayers: true });
        // The last layer gives floats: it runs in float, as placement says.
        expect(await brokenBy(emitted.model, named('onnxruntime'))).toEqual([]);
      }
  });
});
