import { describe, expect, it } from 'vitest';
import { emitModel } from '../../../src/emit/emit-model.js';
import { formTarget, weightBytes, weightForms } from '../../../src/emit/weights/forms.js';
import type { Graph, Model } from '../../../src/graph/model.js';
import { arrayOf, tensorBytes } from '../../../src/graph/tensor.js';
import { integerWeight, type StoredTensor } from '../../../src/quantize/plan.js';
import {
  type CodebookTensor,
  integersOfTensor,
  type QuantizedTensor,
} from '../../../src/quantize/quantized-tensor.js';
import type { GivenRecipe } from '../../../src/recipe.js';
import { between, finish, Net } from '../../support/nets.js';
import { quantizeModel } from '../../support/quantize-model.js';
import { referenceModel } from '../../support/reference-model.js';
import { opsOf, optimizedGraph, runIn } from '../../support/sessions.js';

const versions = [
  { opset: 13, irVersion: 7 },
  { opset: 17, irVersion: 8 },
  { opset: 21, irVersion: 9 },
  { opset: 21, irVersion: 10 },
  { opset: 24, irVersion: 12 },
];

/** One Conv with 7·3·3·3 = 189 weights: not a whole number of bytes in 2 or 4 bits. */
function oneConv(version: { opset: number; irVersion: number }) {
  const net = new Net();
  net.input('x', [1, 3, 8, 8]);
  return finish(net, net.conv('x', 'y', 3, 7), undefined, version);
}

/** Bytes of what the weight is stored as: tables, which do not grow with it, are left out. */
function fileBytes(graph: Graph): number {
  return [...graph.initializers]
    .filter(([name]) => /^y_weight_q\d*$/.test(name))
    .reduce((sum, [, tensor]) => sum + tensorBytes(tensor), 0);
}

/** The int8 constants of a graph that hold as many elements as asked for. */
const integers = (graph: Graph, count: number) =>
  [...graph.initializers.values()]
    .filter(({ dataType, dims }) => dataType === 'int8' && dims.reduce((a, b) => a * b, 1) === count)
    .map((tensor) => arrayOf(tensor).data as Int8Array);

const sorted = (codes: Int8Array) => [...codes].sort((a, b) => a - b);

describe.each(versions)('a weight in a model of opset $opset and IR $irVersion', (version) => {
  const canCast = version.opset >= 21 && version.irVersion >= 10;

  it.each([2, 3, 4, 5, 6, 7, 8])('of %d bits: stored small, folded to int8, fused', async (bits) => {
    const { emitted, bytes, plan } = await quantizeModel(oneConv(version), { bits, allLayers: true });
    const stored = bits === 2 ? 2 : bits <= 4 ? 4 : 8;
    expect(fileBytes(emitted.model.graph)).toBe(Math.ceil((189 * stored) / 8));
    const isInt4 = [...emitted.model.graph.initializers.values()].some(({ dataType }) => dataType === 'int4');
    expect(isInt4).toBe(canCast && (bits === 3 || bits === 4));
    expect([emitted.model.opsets, emitted.model.irVersion]).toEqual([
      new Map([['', version.opset]]),
      version.irVersion,
    ]);

    const graph = await optimizedGraph(bytes);
    expect(opsOf(graph)).toBe('Q QLinearConv DQ');
    const [site] = plan.placement.weighted.flatMap(({ sites }) => sites);
    if (!site) throw new Error('nothing is quantized');
    // The runtime keeps the weight in another order of axes.
    expect(integers(graph, 189).map(sorted)).toEqual([sorted(integersOfTensor(integerWeight(plan, site)))]);
  });

  it('of a codebook: the same, whatever its levels', async () => {
    for (const bits of [2, 3, 4]) {
      const { float, plan, feeds } = await quantizeModel(oneConv(version));
      const [[id, known]] = [...plan.weights] as [[string, StoredTensor]];
      const levels = Int8Array.from({ length: 2 ** bits }, (_, i) =>
        Math.round((i / (2 ** bits - 1)) ** 2 * 127),
      );
      const weight: CodebookTensor = {
        kind: 'codebook',
        dims: known.dims,
        indices: Uint8Array.from({ length: 189 }, (_, i) => (i * 7) % 2 ** bits),
        levels,
        channelsPerCodebook: undefined,
        bits,
        axis: known.axis,
        scales: known.scales,
      };
      const changed = { ...plan, weights: new Map([[id, weight]]) };
      const { model } = emitModel(float, changed);
      expect(fileBytes(model.graph)).toBe(Math.ceil((189 * (bits === 2 ? 2 : 4)) / 8));
      const graph = await optimizedGraph(model);
      expect(opsOf(graph)).toBe('Q QLinearConv DQ');
      expect(integers(graph, 189).map(sorted)).toEqual([sorted(integersOfTensor(weight))]);
      for (const feed of feeds) {
        expect(await runIn('exact', model, feed)).toEqual(
          await runIn('basic', referenceModel(float, changed), feed),
        );
      }
    }
  });
});

/** A codebook for each `block` of channels, its levels spread over int8. */
function withCodebooks(weight: QuantizedTensor, bits: number, block: number): CodebookTensor {
  const { dims, axis, scales } = weight;
  const count = dims.reduce((a, b) => a * b, 1);
  const books = Math.ceil((dims[axis ?? 0] as number) / block);
  const indices = Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 4)) % 2 ** bits);
  const levels = Int8Array.from({ length: books * 2 ** bits }, (_, i) => ((i * 37) % 127) - 63);
  return { kind: 'codebook', dims, indices, bits, levels, channelsPerCodebook: block, axis, scales };
}

const layers: Readonly<Record<string, () => Model>> = {
  Conv: () => between((net, v) => net.conv(v, 'a', 4, 4)),
  'Conv in groups': () => between((net, v) => net.conv(v, 'a', 4, 4, { group: 2 })),
  matrices: () => {
    const net = new Net();
    net.input('x', [2, 64]);
    net.gemm(net.gemm('x', 'g', 64, 64), 't', 64, 64, { transB: 1 });
    net.node('Add', [net.matMul('t', 'm', 64, 65), net.random('b', [65])], 'y');
    return finish(net, 'y');
  },
};
const ways: readonly GivenRecipe[] = [
  {},
  { activations: { kind: 'dynamic' } },
  { activations: { kind: 'float' } },
];
const books = Object.entries(layers).flatMap(([name, model]) =>
  ways.flatMap((recipe) =>
    [2, 3, 4].flatMap((bits) =>
      [1, 3].map((block) => ({ name, model, recipe, bits, block, way: Object.keys(recipe)[0] ?? 'static' })),
    ),
  ),
);

it.each(books)(
  'codebooks for $block channels: $name, $bits bits, $way',
  async ({ model, recipe, bits, block }) => {
    const { float, plan, feeds, bytes } = await quantizeModel(model(), recipe);
    const changed = {
      ...plan,
      weights: new Map(
        [...plan.weights.keys()].map((id) => [id, withCodebooks(integerWeight(plan, { id }), bits, block)]),
      ),
    };
    const quantized = emitModel(float, changed).model;
    const packed = [...quantized.graph.initializers].filter(([name]) => /_weight_q[234]$/.test(name));
    expect(packed.length).toBeGreaterThan(0);
    // The graph of int8 min-max weights, operator by operator: nothing of the look-up is left at run time.
    const kernels = async (model: Model | Uint8Array) =>
      opsOf(await optimizedGraph(model))
        .split(' ')
        .sort();
    expect(await kernels(quantized)).toEqual(await kernels(bytes));
    if (recipe.activations?.kind === 'dynamic') return;
    for (const feed of feeds) {
      const reference = referenceModel(float, changed);
      expect(await runIn('disabled', quantized, feed)).toEqual(await runIn('disabled', reference, feed));
    }
  },
);

it('large weights of 3, 5, 6 and 7 bits take just that, and fuse', async () => {
  const wide = () => {
    const net = new Net();
    net.input('x', [1, 32, 4, 4]);
    return finish(net, net.conv('x', 'y', 32, 32));
  };
  const kernels = opsOf(await optimizedGraph((await quantizeModel(wide())).bytes));
  for (const bits of [3, 5, 6, 7]) {
    const { float, plan, feeds, bytes, emitted } = await quantizeModel(wide(), { bits, allLayers: true });
    const streams = [...emitted.model.graph.initializers].filter(([name]) =>
      /^y_weight_q\d+(_\d)?$/.test(name),
    );
    const stored = streams.reduce((sum, [, tensor]) => sum + tensorBytes(tensor), 0);
    expect(stored).toBe((9216 * bits) / 8);
    expect(opsOf(await optimizedGraph(bytes))).toBe(kernels);
    for (const feed of feeds) {
      const reference = referenceModel(float, plan);
      expect(await runIn('disabled', bytes, feed)).toEqual(await runIn('disabled', reference, feed));
    }
  }
});

describe('the format qdq-int8', () => {
  it.each([{}, { activations: { kind: 'float' } as const }])(
    '%j: int8 into DequantizeLinear, nothing else',
    async (way) => {
      const model = () => between((net, v) => net.conv(v, 'a', 4, 4));
      const recipe: GivenRecipe = { ...way, bits: 4, allLayers: true };
      const plain = await quantizeModel(model(), { ...recipe, format: 'qdq-int8' });
      const packed = await quantizeModel(model(), recipe);
      const { nodes, initializers } = plain.emitted.model.graph;
      const readers = nodes.filter(({ inputs }) => initializers.get(inputs[0] ?? '')?.dataType === 'int8');
      expect(readers.map(({ opType }) => opType)).toEqual(Array(3).fill('DequantizeLinear'));
      for (const feed of plain.feeds)
        expect(await runIn('disabled', plain.bytes, feed)).toEqual(
          await runIn('disabled', packed.bytes, feed),
        );
      // 3 layers of 4·4·9 weights, a byte each or half of one.
      const sizes = (['qdq-int8', 'packed'] as const).map((format) =>
        weightBytes(plain.plan, formTarget(plain.emitted.model, format)),
      );
      expect(sizes).toEqual([432, 216]);
    },
  );

  it('weights alone below opset 13 keep Cast → Mul: DequantizeLinear has no axis there', async () => {
    const model = { ...oneConv({ opset: 17, irVersion: 8 }), opsets: new Map([['', 12]]) };
    const { emitted } = await quantizeModel(model, { format: 'qdq-int8', activations: { kind: 'float' } });
    expect(emitted.model.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'Mul', 'Conv']);
  });
});

it('tables of uniform codes are shared by all layers', async () => {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.conv(net.conv(net.conv('x', 'a'), 'b'), 'y');
  const { emitted } = await quantizeModel(finish(net, 'y'), { bits: 4, allLayers: true });
  const tables = [...emitted.model.graph.initializers.keys()].filter((name) => name.includes('table'));
  expect(tables).toEqual(['int4_table']);
});

it('the last form holds everything', () => {
  expect(weightForms.at(-1)?.name).toBe('int8');
});
