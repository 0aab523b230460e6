import { describe, expect, it } from 'vitest';
import { emitModel } from '../../../src/emit/emit-model.js';
import { weightForms } from '../../../src/emit/weights/forms.js';
import type { Graph } from '../../../src/graph/model.js';
import { arrayOf, tensorBytes } from '../../../src/graph/tensor.js';
import type { LayerPlan } from '../../../src/quantize/plan.js';
import { type CodebookTensor, integersOfTensor } from '../../../src/quantize/quantized-tensor.js';
import { finish, Net } from '../../support/nets.js';
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
function weightBytes(graph: Graph): number {
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
    expect(weightBytes(emitted.model.graph)).toBe(Math.ceil((189 * stored) / 8));
    const isInt4 = [...emitted.model.graph.initializers.values()].some(({ dataType }) => dataType === 'int4');
    expect(isInt4).toBe(canCast && (bits === 3 || bits === 4));
    expect([emitted.model.opsets, emitted.model.irVersion]).toEqual([
      new Map([['', version.opset]]),
      version.irVersion,
    ]);

    const graph = await optimizedGraph(bytes);
    expect(opsOf(graph)).toBe('Q QLinearConv DQ');
    const [plan0] = [...plan.layers.values()] as [LayerPlan];
    // The runtime keeps the weight in another order of axes.
    expect(integers(graph, 189).map(sorted)).toEqual([sorted(integersOfTensor(plan0.weight))]);
  });

  it('of a codebook: the same, whatever its levels', async () => {
    for (const bits of [2, 3, 4]) {
      const { float, plan, feeds } = await quantizeModel(oneConv(version));
      const [[node, layer]] = [...plan.layers] as [[LayerPlan['layer']['linear']['node'], LayerPlan]];
      const levels = Int8Array.from({ length: 2 ** bits }, (_, i) =>
        Math.round((i / (2 ** bits - 1)) ** 2 * 127),
      );
      const weight: CodebookTensor = {
        kind: 'codebook',
        dims: layer.weight.dims,
        indices: Uint8Array.from({ length: 189 }, (_, i) => (i * 7) % 2 ** bits),
        levels,
        channelsPerCodebook: undefined,
        bits,
        axis: layer.weight.axis,
        scales: layer.weight.scales,
      };
      const changed = { ...plan, layers: new Map([[node, { ...layer, weight }]]) };
      const { model } = emitModel(float, changed);
      expect(weightBytes(model.graph)).toBe(Math.ceil((189 * (bits === 2 ? 2 : 4)) / 8));
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
