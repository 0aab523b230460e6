import { describe, expect, it } from 'vitest';
import { inOperatorForm } from '../../src/emit/operator-form.js';
import type { Model } from '../../src/graph/model.js';
import { readProgram } from '../../src/integer/read-program.js';
import { resolveRecipe } from '../../src/recipe.js';
import { registries } from '../../src/registries.js';
import { between, finish, Net, residual } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';

const build = (make: (net: Net) => string, shape: number[]): Model => {
  const net = new Net();
  net.input('x', shape);
  return finish(net, make(net));
};

const cases: readonly [name: string, operators: readonly string[], model: () => Model][] = [
  ['a residual block', ['QLinearConv', 'QLinearAdd'], residual],
  ['a clamp on both sides', ['QLinearConv'], () => between((net, x) => net.clip(x, 'r', -0.3, 0.6))],
  [
    'a product and a function',
    ['QLinearMul', 'QLinearSigmoid'],
    () => between((net, x) => net.node('Mul', [x, net.node('Sigmoid', [x], 'g')], 's')),
  ],
  [
    'another function',
    ['QLinearLeakyRelu'],
    () => between((net, x) => net.node('LeakyRelu', [x], 'l', { alpha: 0.2 })),
  ],
  ['HardSigmoid', ['QLinearAdd'], () => between((net, x) => net.node('HardSigmoid', [x], 'h'))],
  [
    'a constant operand',
    ['QLinearAdd'],
    () => between((net, x) => net.node('Add', [x, net.random('c', [4, 1, 1])], 's')),
  ],
  [
    'a concatenation',
    ['QLinearConcat'],
    () =>
      build(
        (net) => {
          net.node('Concat', [net.conv('x', 'a'), net.node('Relu', [net.conv('x', 'b')], 'r')], 'c', {
            axis: 1,
          });
          return net.conv('c', 'y', 8);
        },
        [1, 4, 6, 6],
      ),
  ],
  [
    'averages',
    ['QLinearAveragePool', 'QLinearGlobalAveragePool'],
    () =>
      between((net, x) =>
        net.node('GlobalAveragePool', [net.node('AveragePool', [x], 'p', { kernel_shape: [2, 2] })], 'g'),
      ),
  ],
  ['a Softmax', ['QLinearSoftmax'], () => between((net, x) => net.node('Softmax', [x], 's', { axis: 1 }))],
  [
    'a Gemm, and one that ends in floats',
    ['QGemm'],
    () => build((net) => net.gemm(net.gemm('x', 'a', 24, 16, { transB: 1 }), 'y', 16, 4), [2, 24]),
  ],
  [
    'a MatMul and its bias, and one without',
    ['QGemm', 'MatMulIntegerToFloat'],
    () =>
      build(
        (net) =>
          net.matMul(net.node('Add', [net.matMul('x', 'a', 24, 16), net.random('b', [16])], 's'), 'y', 16, 4),
        [2, 24],
      ),
  ],
  [
    'a MatMul of more axes',
    ['QLinearMatMul'],
    () => build((net) => net.matMul(net.matMul('x', 'a', 8, 6), 'y', 6, 4), [2, 3, 8]),
  ],
];

describe('a model in integer operators', () => {
  it.each(cases)('%s: gives what the QDQ file gives in onnxruntime', async (_, operators, make) => {
    for (const recipe of [{ bits: 8 }, { bits: 4 }, { bits: 8, activations: { bits: 4 } }]) {
      const { emitted, feeds } = await quantizeModel(make(), { ...recipe, allLayers: true });
      const model = inOperatorForm(emitted.model);
      const opTypes = model.graph.nodes.map(({ opType }) => opType);
      for (const operator of operators) expect(opTypes).toContain(operator);
      expect(opTypes.filter((opType) => opType === 'QuantizeLinear')).toHaveLength(1);
      const last = opTypes.indexOf('DequantizeLinear');
      expect([-1, opTypes.length - 1]).toContain(last);
      for (const feed of feeds) {
        const [qdq, own] = [await runIn('default', emitted.model, feed), await runIn('default', model, feed)];
        expect(own.get('y')?.data).toEqual(qdq.get('y')?.data);
      }
      // Read as integers both are one network; these two operators are none.
      const [a, b] = [await readProgram(emitted.model), await readProgram(model)];
      const told = ({ operators }: typeof a) =>
        operators.map(({ operator, outputs, parameters }) => [operator, outputs, parameters]);
      if (!opTypes.some((opType) => ['QLinearSoftmax', 'MatMulIntegerToFloat'].includes(opType)))
        expect(told(b)).toEqual(told(a));
    }
  });

  it('keeps DQ and Q round what has no integer operator', async () => {
    const { emitted, feeds } = await quantizeModel(between((net, x) => net.node('Erf', [x], 'e')));
    const model = inOperatorForm(emitted.model);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(
      expect.arrayContaining(['QLinearConv', 'DequantizeLinear', 'Erf', 'QuantizeLinear']),
    );
    for (const feed of feeds)
      expect((await runIn('default', model, feed)).get('y')?.data).toEqual(
        (await runIn('default', emitted.model, feed)).get('y')?.data,
      );
  });

  it('needs fixed ranges', async () => {
    const recipe = { format: 'qoperator', activations: { kind: 'float' } } as const;
    await expectRefusal(async () => resolveRecipe(recipe, registries, true), 'bad-option', 2);
  });
});
