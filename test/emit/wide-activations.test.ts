import { describe, expect, it } from 'vitest';
import { inTargetForm } from '../../src/emit/target-form.js';
import { QdqGraph } from '../../src/graph/qdq-graph.js';
import { withKnownConstants } from '../../src/integer/constants.js';
import { checkedFile } from '../../src/place/targets/checked-file.js';
import { formOf, targets } from '../../src/place/targets/targets.js';
import { type GivenRecipe, resolveRecipe } from '../../src/recipe.js';
import { registries } from '../../src/registries.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

/** Conv → Relu, a residual Add, what moves values, a constant operand, and a border. */
function model(opset?: number) {
  const net = new Net();
  net.input('x', [1, 2, 8, 8]);
  net.conv('x', 'a', 2, 2);
  net.node('Relu', ['a'], 'r');
  net.conv('r', 'b', 2, 2);
  net.node('Add', ['r', 'b'], 's');
  net.node('MaxPool', ['s'], 'p', { kernel_shape: [2, 2] });
  net.node('Relu', ['p'], 'q');
  net.node('Pad', ['q', net.int64('pads', [0, 0, 1, 1, 0, 0, 0, 0])], 'd');
  net.node('Mul', ['d', net.scalar('two', 0.7)], 'm');
  net.conv('m', 'c', 2, 2);
  const made = finish(net, 'c', [1, 2, 8, 8]);
  return opset === undefined ? made : { ...made, irVersion: 10, opsets: new Map([['', opset]]) };
}

const written = async (given: GivenRecipe, opset?: number) => {
  const made = await quantizeModel(model(opset), { target: 'qnn', format: 'qdq-int8', ...given });
  return { ...made, model: inTargetForm(made.emitted, formOf('qnn')).model };
};

describe('activations of 16 bits', () => {
  it.each([
    [13, 'com.microsoft'],
    [21, ''],
  ])('at opset %i: Q and DQ of "%s", everywhere, and by the rules of the target', async (opset, domain) => {
    const { model: made, float, feeds, plan } = await written({ activations: { bits: 16 } }, opset);
    const zeroPoints = made.graph.nodes.flatMap(({ opType, inputs, domain: own }) =>
      opType === 'QuantizeLinear' ? [[made.graph.initializers.get(inputs[2] ?? '')?.dataType, own]] : [],
    );
    expect(new Set(zeroPoints.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify(['uint16', domain])]),
    );
    const file = checkedFile(made, await withKnownConstants(made));
    const rules = targets.find(({ name }) => name === 'qnn')?.rules ?? [];
    expect(rules.filter((rule) => rule.check(file).length > 0).map(({ name }) => name)).toEqual([]);
    // The whole range in 65,535 steps, by hand: nothing is clipped.
    const input = numbersOf(feeds[0]?.x);
    const { grid } = plan.activations.get('x')?.quantizer ?? {};
    const all = feeds.flatMap(({ x }) => numbersOf(x));
    expect(grid?.scale).toBe(Math.fround((Math.max(...all) - Math.min(...all)) / 65535));
    expect(input.length).toBe(128);
    // Weights have 8 bits, so that the error is theirs: far below that of activations of 8 bits.
    const errorOf = async (quantized: typeof made) => {
      // As written: the target adds in int32, which kernels of onnxruntime do not on every x86.
      const [a, b] = await Promise.all(
        [float, quantized].map((each) => runIn('disabled', each, feeds[0] ?? {})),
      );
      const [one, other] = [numbersOf(a?.get('c')), numbersOf(b?.get('c'))];
      return one.reduce((sum, value, i) => sum + (value - (other[i] as number)) ** 2, 0);
    };
    const narrow = await written({}, opset);
    expect(await errorOf(made)).toBeLessThan(0.5 * (await errorOf(narrow.model)));
  });

  it('are those of one layer alone where a rule says so: its input, and what makes it', async () => {
    const { model: made } = await written({ rules: [{ pattern: 'b', actBits: 16 }] });
    const qdq = new QdqGraph(made.graph);
    const typeRead = (id: string) => {
      const layer = made.graph.nodes.find(
        ({ opType, outputs }) => opType === 'Conv' && outputs[0]?.startsWith(id),
      );
      return qdq.read(layer?.inputs[0])?.grid.type;
    };
    expect(['b', 'c'].map(typeRead)).toEqual(['uint16', 'uint8']);
  });

  it('have no kernels in onnxruntime: the layer computes in float, its weights in few bits', async () => {
    const { placement } = await quantizeModel(model(), { activations: { bits: 16 } });
    const runs = placement.weighted.map(({ runs: { kind }, ...own }) => [own.node.id, kind]);
    expect(runs).toEqual([
      ['a', 'float'],
      ['b', 'float'],
      ['c', 'float'],
    ]);
    expect(placement.values.size).toBe(0);
  });

  it('are refused where a target has int8 alone', async () => {
    await expectRefusal(
      async () => resolveRecipe({ target: 'tensorrt', activations: { bits: 16 } }, registries, true),
      'bad-option',
      2,
    );
  });
});
