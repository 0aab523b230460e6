import { expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { normalFloat4 } from '../../src/quantize/normal-float.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { type GivenRecipe, resolveRecipe } from '../../src/recipe.js';
import { registries } from '../../src/registries.js';
import { describePlan } from '../../src/report/describe-plan.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { opsOf, runIn } from '../support/sessions.js';

const recipe = (size: number, more: GivenRecipe = {}): GivenRecipe => ({
  ...{ format: 'matmulbnb4', bits: 4, allLayers: true, blocks: { size } },
  ...more,
  activations: { kind: 'float' },
});

/** y = x·W, or x·Wᵀ + b. */
function modelOf(isAcross: boolean, inputs = 128): Model {
  const g = new GraphBuilder();
  g.input('x', [inputs, inputs]);
  g.constant('w', isAcross ? [6, inputs] : [inputs, 6], randomFloats(inputs * 6, 3));
  if (isAcross) g.constant('b', [6], randomFloats(6, 5));
  g.node(
    isAcross ? 'Gemm' : 'MatMul',
    isAcross ? ['x', 'w', 'b'] : ['x', 'w'],
    'y',
    isAcross ? { transB: 1 } : {},
  );
  g.output('y');
  return g.build();
}

const identity = (size: number) =>
  Float32Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0));

it.each([
  [false, 64],
  [false, 128],
  [true, 32],
])(
  "across %s, blocks of %i: the runtime's own MatMulBnb4 reads the stored weight",
  async (isAcross, size) => {
    const { bytes, plan, emitted } = await quantizeModel(modelOf(isAcross), recipe(size), []);
    expect(opsOf(emitted.model.graph)).toBe(isAcross ? 'MatMulBnb4 Add' : 'MatMulBnb4');
    const [planned] = [...plan.weights.values()];
    const stored = planned && dequantizeTensor(planned);
    const found = (
      await runIn('default', bytes, { x: { type: 'float32', dims: [128, 128], data: identity(128) } })
    ).get('y')?.data as Float32Array;
    const bias = isAcross ? randomFloats(6, 5) : new Float32Array(6);
    expect(found.length).toBe(768);
    found.forEach((value, i) => {
      const [input, output] = [Math.floor(i / 6), i % 6];
      const weight = stored?.[isAcross ? output * 128 + input : i] ?? Number.NaN;
      expect(value).toBeCloseTo(weight + (bias[output] as number), 5);
    });
  },
);

it('each weight has the level that is nearest, on the largest of its block', async () => {
  const model = modelOf(false);
  const weights = floatsOf(model.graph.initializers.get('w') as never);
  const { plan } = await quantizeModel(model, recipe(64), []);
  const [planned] = [...plan.weights.values()];
  const stored = dequantizeTensor(planned as never);
  for (let output = 0; output < 6; output++)
    for (let block = 0; block < 2; block++) {
      const places = Array.from({ length: 64 }, (_, i) => (64 * block + i) * 6 + output);
      const most = Math.max(...places.map((at) => Math.abs(weights[at] as number)));
      for (const at of places) {
        const errors = [...normalFloat4].map((level) => Math.abs(level * most - (weights[at] as number)));
        expect(Math.abs((stored[at] as number) - (weights[at] as number))).toBeCloseTo(
          Math.min(...errors),
          6,
        );
      }
    }
});

it('rows that are no whole number of blocks are packed, and the plan says so', async () => {
  const { float, placement, plan } = await quantizeModel(modelOf(false, 40), recipe(64), []);
  const [layer] = describePlan(float.graph, placement, plan.recipe).layers;
  expect(layer?.quantized?.note).toBe('packed: its rows of 40 are no whole number of blocks of 64');
});

it.each([
  [{ bits: 8 }, '--format matmulbnb4 holds no weights of 8 bits'],
  [{ scheme: 'mse' }, 'has levels of its own, not those of mse'],
  [{ refine: 'second-order' }, 'has levels that no refiner chooses among'],
  [{ blocks: { asymmetric: true } }, '--block-asymmetric is of'],
] as const)('%j is refused', (more, problem) => {
  expect(() => resolveRecipe(recipe(64, more), registries, false)).toThrow(problem);
});
