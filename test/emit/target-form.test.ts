import { describe, expect, it } from 'vitest';
import { inTargetForm } from '../../src/emit/target-form.js';
import type { Model } from '../../src/graph/model.js';
import { withKnownConstants } from '../../src/integer/constants.js';
import { checkedFile } from '../../src/place/targets/checked-file.js';
import { formOf, targets } from '../../src/place/targets/targets.js';
import { resolveRecipe } from '../../src/recipe.js';
import { registries } from '../../src/registries.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { between, residual } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';

const models: readonly [name: string, model: () => Model][] = [
  ['a residual block', residual],
  [
    'moved values',
    () =>
      between((net, x) =>
        net.node('MaxPool', [net.node('Transpose', [x], 't', { perm: [0, 1, 3, 2] })], 'p', {
          kernel_shape: [2, 2],
        }),
      ),
  ],
  ['a clamp on both sides', () => between((net, x) => net.clip(x, 'r', -0.3, 0.6))],
  [
    'a clamp of moved values',
    () =>
      between((net, x) => net.node('Relu', [net.node('MaxPool', [x], 'p', { kernel_shape: [2, 2] })], 'r')),
  ],
  [
    'a border of zeros',
    () => between((net, x) => net.node('Pad', [x, net.int64('pads', [0, 0, 1, 1, 0, 0, 1, 1])], 'p')),
  ],
  ['a constant operand', () => between((net, x) => net.node('Add', [x, net.random('c', [4, 1, 1])], 's'))],
  [
    'the parts of a Split',
    () =>
      between((net, x) => {
        net.node('Split', [x, net.int64('sizes', [1, 3])], ['a', 'b'], { axis: 1 });
        return net.node('Concat', ['b', 'a'], 'c', { axis: 1 });
      }),
  ],
];

const breaches = async (model: Model, name: string) => {
  const file = checkedFile(model, await withKnownConstants(model));
  const rules = targets.find((target) => target.name === name)?.rules ?? [];
  return rules.flatMap((rule) =>
    rule.check(file).map(({ node, problem }) => `${rule.name}: ${node} ${problem}`),
  );
};

describe('a model in the form of a target', () => {
  it.each(models)(
    '%s: meets the rules, and gives the same as the codes that it was written from',
    async (_, build) => {
      const { emitted, feeds } = await quantizeModel(build(), {
        bits: 8,
        target: 'tensorrt',
        format: 'qdq-int8',
      });
      const { model } = inTargetForm(emitted, formOf('tensorrt'));
      expect(await breaches(model, 'tensorrt')).toEqual([]);
      for (const feed of feeds) {
        const [own, other] = [
          await runIn('disabled', emitted.model, feed),
          await runIn('disabled', model, feed),
        ];
        for (const [name, { data }] of own) expect(other.get(name)?.data).toEqual(data);
      }
    },
  );

  it('is loaded by a default session, which gives nearly the same', async () => {
    // The target adds in int32: its weights may saturate where onnxruntime's kernels add pairs in int16.
    const { emitted, feeds } = await quantizeModel(residual(), {
      bits: 8,
      target: 'migraphx',
      format: 'qdq-int8',
      reduceRange: true,
    });
    const { model } = inTargetForm(emitted, formOf('migraphx'));
    expect(await breaches(model, 'migraphx')).toEqual([]);
    for (const feed of feeds) {
      const [own, other] = [await runIn('disabled', model, feed), await runIn('default', model, feed)];
      const [a, b] = [own.get('y')?.data as Float32Array, other.get('y')?.data as Float32Array];
      const most = Math.max(...a.map(Math.abs));
      a.forEach((value, i) => {
        expect(Math.abs(value - (b[i] as number))).toBeLessThan(0.05 * most);
      });
    }
  });

  it('clamps on both sides where codes end before their type does', async () => {
    const g = new GraphBuilder();
    g.input('x', [6]);
    g.constant('s', [], [0.5]);
    for (const [name, code] of [
      ['z', 128],
      ['low', 128],
      ['high', 140],
    ] as const)
      g.constant(name, [], Uint8Array.of(code));
    g.node('QuantizeLinear', ['x', 's', 'z'], 'q');
    g.node('Clip', ['q', 'low', 'high'], 'c');
    g.node('DequantizeLinear', ['c', 's', 'z'], 'y');
    g.output('y', [6]);
    const model = g.build();
    const form = inTargetForm({ model, codes: new Map() }, formOf('tensorrt'));
    const feed = {
      x: { type: 'float32' as const, dims: [6], data: Float32Array.of(-9, 0, 1.1, 5.9, 6.1, 40) },
    };
    // (140 − 128) · ½ is the most.
    const clamped = (await runIn('disabled', form.model, feed)).get('y');
    expect(clamped?.data).toEqual(Float32Array.of(0, 0, 1, 6, 6, 6));
    expect(await runIn('disabled', model, feed)).toEqual(await runIn('disabled', form.model, feed));
  });

  it('keeps the names by which codes are found', async () => {
    const { emitted } = await quantizeModel(residual(), { bits: 8, target: 'tensorrt', format: 'qdq-int8' });
    const { model, codes } = inTargetForm(emitted, formOf('tensorrt'));
    for (const [, [, scale = '', zeroPoint = '']] of codes) {
      expect(model.graph.initializers.has(scale)).toBe(true);
      expect(model.graph.initializers.get(zeroPoint)?.dataType).toBe('int8');
    }
  });

  it('is as it was for onnxruntime', async () => {
    const { emitted } = await quantizeModel(residual());
    expect(inTargetForm(emitted, formOf('onnxruntime')).model.graph.nodes).toEqual(emitted.model.graph.nodes);
  });
});

describe('a recipe for a target', () => {
  it('stores weights plainly where they must be', () => {
    expect(resolveRecipe({ target: 'qnn', bits: 4 }, registries, true).format).toBe('qdq-int8');
    expect(resolveRecipe({ bits: 4 }, registries, true).format).toBe('packed');
  });

  it('needs samples', async () => {
    const refused = await expectRefusal(
      async () => resolveRecipe({ target: 'qnn' }, registries, false),
      'bad-option',
      2,
    );
    expect(refused.message).toContain('--target qnn needs fixed ranges');
  });

  it.each([
    [{ target: 'tensorrt', activations: { bits: 4 } }, '--target tensorrt has activations of 8 bits alone'],
    [{ target: 'qnn', activations: { kind: 'dynamic' } }, '--target qnn needs fixed ranges'],
    [
      { target: 'st', format: 'matmulnbits', activations: { kind: 'float' } },
      "does not take onnxruntime's own operators",
    ],
  ] as const)('%o is refused', async (recipe, message) => {
    const refused = await expectRefusal(async () => resolveRecipe(recipe, registries, true), 'bad-option', 2);
    expect(refused.message).toContain(message);
  });
});
