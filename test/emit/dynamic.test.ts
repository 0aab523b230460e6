import { describe, expect, it } from 'vitest';
import { QuantizeError } from '../../src/errors.js';
import { type Model, node } from '../../src/graph/model.js';
import { floatTensor, integersOf } from '../../src/graph/tensor.js';
import { targets } from '../../src/place/targets/targets.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { actBitsOf, resolveRecipe } from '../../src/recipe.js';
import { registries as ours } from '../../src/registries.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

interface Layer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly weight: readonly number[];
  build(g: GraphBuilder): void;
  /** The integer kernels of the optimized graph. */
  readonly fused: string;
}

const layers: readonly Layer[] = [
  {
    name: 'MatMul',
    dims: [2, 5, 8],
    weight: [8, 6],
    build: (g) => g.node('MatMul', ['x', 'w'], 'y'),
    fused: 'DynamicQuantizeMatMul',
  },
  {
    name: 'MatMul and the Add of its bias',
    dims: [2, 5, 8],
    weight: [8, 6],
    build: (g) => {
      g.constant('b', [6], randomFloats(6, 5));
      g.node('MatMul', ['x', 'w'], 'm');
      g.node('Add', ['b', 'm'], 'y');
    },
    fused: 'DynamicQuantizeMatMul',
  },
  {
    name: 'Gemm with its weight across',
    dims: [5, 8],
    weight: [6, 8],
    build: (g) => {
      g.constant('b', [1, 6], randomFloats(6, 5));
      g.node('Gemm', ['x', 'w', 'b'], 'y', { transB: 1 });
    },
    fused: 'DynamicQuantizeMatMul',
  },
  {
    name: 'Conv',
    dims: [2, 4, 6, 6],
    weight: [6, 2, 3, 3],
    build: (g) => {
      g.constant('b', [6], randomFloats(6, 5));
      g.node('Conv', ['x', 'w', 'b'], 'y', { group: 2, pads: [1, 1, 1, 1] });
    },
    fused: 'DynamicQuantizeLinear ConvInteger Cast Mul Mul Add',
  },
];

function modelOf({ dims, weight, build }: Layer): Model {
  const g = new GraphBuilder();
  g.input('x', dims);
  g.constant(
    'w',
    weight,
    randomFloats(
      weight.reduce((product, dim) => product * dim, 1),
      2,
    ),
  );
  build(g);
  g.output('y');
  return g.build();
}

describe.each(layers)('dynamic ranges: $name', (layer) => {
  it.each([
    [8, 'channel'],
    [8, 'tensor'],
    [4, 'channel'],
  ] as const)(
    '%i bits a %s: integer kernels, and what the stored weight makes of the quantized input',
    async (bits, granularity) => {
      const recipe = { bits, granularity, allLayers: true, activations: { kind: 'dynamic' } } as const;
      const { bytes, emitted, plan, float } = await quantizeModel(modelOf(layer), recipe, []);
      // The runtime orders what does not depend on one another as it likes.
      const sorted = (ops: string) => ops.split(' ').sort();
      expect(sorted(opsOf(await optimizedGraph(bytes)))).toEqual(sorted(layer.fused));
      expect(emitted.model.graph.nodes.some(({ opType }) => opType === 'DequantizeLinear')).toBe(false);

      // The float graph on the runtime's own DynamicQuantizeLinear, with the stored weight.
      const [planned] = [...plan.weights.values()];
      if (!planned) throw new Error('there is no layer');
      const stored = floatTensor('float32', layer.weight, dequantizeTensor(planned));
      const initializers = new Map([...float.graph.initializers, ['w', stored]]);
      const nodes = [
        node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
        node('DequantizeLinear', ['q', 's', 'z'], ['x_dq']),
        ...float.graph.nodes.map((each) => ({
          ...each,
          inputs: each.inputs.map((input) => (input === 'x' ? 'x_dq' : input)),
        })),
      ];
      const reference = { ...float, graph: { ...float.graph, nodes, initializers } };
      const feed = randomFeed('x', layer.dims, 7, -2, 1);
      const expected = (await runIn('disabled', reference, feed)).get('y')?.data as Float32Array;
      for (const mode of ['disabled', 'default'] as const) {
        const found = (await runIn(mode, bytes, feed)).get('y')?.data as Float32Array;
        expect(found.length).toBe(expected.length);
        found.forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i] as number, 4);
        });
      }
    },
  );
});

it.each(layers)('$name in uint8: the same numbers as in int8, each code 128 more', async (layer) => {
  const model = () => modelOf(layer);
  const made = (format: 'packed' | 'uint8') =>
    quantizeModel(model(), { format, allLayers: true, activations: { kind: 'dynamic' } }, []);
  const [signed, unsigned] = [await made('packed'), await made('uint8')];
  const kinds = [...unsigned.emitted.model.graph.initializers.values()].map(({ dataType }) => dataType);
  expect(kinds).toContain('uint8');
  expect(kinds).not.toContain('int8');
  const codesOf = ({ emitted }: typeof signed, type: string) => {
    const all = [...emitted.model.graph.initializers.values()];
    const found = all.find(({ dataType, dims }) => dataType === type && dims.length > 1);
    return found && integersOf(found);
  };
  expect(codesOf(unsigned, 'uint8')).toEqual(codesOf(signed, 'int8')?.map((code) => code + 128));
  const feed = randomFeed('x', layer.dims, 7, -2, 1);
  const [a, b] = [await runIn('default', signed.bytes, feed), await runIn('default', unsigned.bytes, feed)];
  const [expected, found] = [a, b].map((run) => run.get('y')?.data as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] as number, 5);
  });
});

it('uint8 is of ranges that are found at every run', () => {
  const given = { format: 'uint8', activations: { kind: 'float' } } as const;
  expect(() => resolveRecipe(given, ours, false)).toThrow('--format uint8 is of --dynamic');
});

it('layers that read one value share its ranges', async () => {
  const g = new GraphBuilder();
  g.input('x', [3, 8]);
  for (const name of ['q', 'k', 'v']) {
    g.constant(`${name}_w`, [8, 4], randomFloats(32, 1));
    g.node('MatMul', ['x', `${name}_w`], name);
    g.output(name);
  }
  const { emitted } = await quantizeModel(g.build(), { activations: { kind: 'dynamic' } }, []);
  const count = emitted.model.graph.nodes.filter(({ opType }) => opType === 'DynamicQuantizeLinear').length;
  expect(count).toBe(1);
});

it('a Gemm whose input lies across keeps its float arithmetic, on a stored weight', async () => {
  const g = new GraphBuilder();
  g.input('x', [8, 5]);
  g.constant('w', [8, 6], randomFloats(48, 1));
  g.node('Gemm', ['x', 'w'], 'y', { transA: 1 });
  g.output('y');
  const { placement } = await quantizeModel(g.build(), { activations: { kind: 'dynamic' } }, []);
  expect(placement.weighted.map(({ runs }) => runs)).toMatchObject([{ kind: 'float', stored: 'constant' }]);
});

it('narrower activations are refused: the runtime finds 8-bit ranges', () => {
  const registries = {
    schemes: [{ name: 'auto', widths: { least: 2, most: 8 } }],
    rangeSources: [{ name: 'mse', from: 'statistics' as const, observer: {} }],
    actSchemes: [{ name: 'uniform' }],
    refiners: [],
    targets,
  };
  expect(() =>
    resolveRecipe({ activations: { kind: 'dynamic', bits: 4 } as object }, registries, true),
  ).toThrow(QuantizeError);
  expect(actBitsOf(resolveRecipe({ activations: { kind: 'dynamic' } }, registries, false))).toBe(8);
});
