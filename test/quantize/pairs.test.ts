import { describe, expect, it } from 'vitest';
import { linearLayerOf } from '../../src/graph/linear-layer.js';
import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import { quantizerOfRange } from '../../src/numerics/affine.js';
import { type Pairing, pairingOf, saturatingPairs, withinPairs } from '../../src/quantize/pairs.js';
import {
  dequantizeTensor,
  integersOfTensor,
  type QuantizedTensor,
} from '../../src/quantize/quantized-tensor.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

const uint8: ActivationQuantizer = { kind: 'affine', grid: quantizerOfRange(0, 1, 8) };

function layer(opType: string, dims: readonly number[], attributes: Record<string, number> = {}) {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.constant('w', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
  g.node(opType, ['x', 'w'], 'y', attributes);
  g.output('y', [1]);
  const { graph } = g.build();
  const found = graph.nodes[0] && linearLayerOf(graph, graph.nodes[0]);
  if (!found) throw new Error('no layer');
  return found;
}

const pairing = (
  found: ReturnType<typeof layer>,
  input: ActivationQuantizer | undefined = uint8,
): Pairing => {
  const made = pairingOf(found, input);
  if (!made) throw new Error('no pairs');
  return made;
};

describe('pairingOf', () => {
  // The orders that reproduce onnxruntime 1.30 on an emulated Haswell, bit by bit.
  it('takes the places of a convolution first, its input channels within each, group by group', () => {
    const { channels, stride, offsets, bound } = pairing(layer('Conv', [4, 2, 1, 3], { group: 2 }));
    expect([channels, stride, bound]).toEqual([4, 6, 128]);
    // Row-major [channel, place]: 0 1 2 | 3 4 5.
    expect([...offsets]).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('takes the inputs of a matrix, however it is stored', () => {
    expect(pairing(layer('MatMul', [3, 5]))).toMatchObject({ channels: 5, stride: 1 });
    expect([...pairing(layer('MatMul', [3, 5])).offsets]).toEqual([0, 5, 10]);
    const transposed = pairing(layer('Gemm', [5, 3], { transB: 1 }));
    expect(transposed).toMatchObject({ channels: 5, stride: 3 });
    expect([...transposed.offsets]).toEqual([0, 1, 2]);
  });

  it('finds none in a depthwise kernel, in a dynamic convolution, with one product, and with few activation codes', () => {
    expect(pairingOf(layer('Conv', [4, 1, 3, 3], { group: 4 }), uint8)).toBeUndefined();
    expect(pairingOf(layer('Conv', [8, 1, 3, 3], { group: 4 }), uint8)).toBeDefined();
    expect(pairingOf(layer('Conv', [8, 4, 3, 3]), undefined)).toBeUndefined();
    expect(pairingOf(layer('MatMul', [4, 4]), undefined)).toBeDefined();
    expect(pairingOf(layer('MatMul', [1, 4]), uint8)).toBeUndefined();
    const seven = { kind: 'affine', grid: quantizerOfRange(0, 1, 7) } as const;
    expect(pairingOf(layer('MatMul', [4, 4]), seven)).toBeUndefined();
    const table = { kind: 'lut', grid: uint8.grid, table: new Uint8Array(256).fill(200) } as const;
    expect(pairingOf(layer('MatMul', [4, 4]), table)).toMatchObject({ bound: 163 });
  });
});

const affine = (codes: readonly number[], scale = 1): QuantizedTensor => ({
  kind: 'affine',
  dims: [1, codes.length],
  codes: Int8Array.from(codes),
  bits: 8,
  axis: 0,
  scales: Float32Array.of(scale),
});

describe('pairs that saturate', () => {
  it('are those whose products overflow int16 at some input, by brute force', () => {
    const two = pairing(layer('Gemm', [1, 2], { transB: 1 }));
    for (let a = -127; a <= 127; a += 1) {
      for (let b = -127; b <= 127; b += 3) {
        const corners = [0, 255 * a, 255 * b, 255 * (a + b)];
        const overflows = corners.some((sum) => sum > 32_767 || sum < -32_768);
        expect([a, b, saturatingPairs(Int8Array.of(a, b), two)]).toEqual([a, b, overflows ? 1 : 0]);
      }
    }
  });

  it('are moved to the nearest codes that do not, and no other is touched', () => {
    const four = pairing(layer('Gemm', [1, 5], { transB: 1 }));
    const values = Float32Array.of(100, 40, -70, -60, 127);
    const weight = withinPairs(affine([100, 40, -70, -60, 127]), values, four);
    // 140 is 12 too many, 130 two: half of it each.
    expect(integersOfTensor(weight)).toEqual(Int8Array.of(94, 34, -69, -59, 127));
    expect(saturatingPairs(integersOfTensor(weight), four)).toBe(0);
    const safe = affine([100, 28, -128 + 1, 127, 3]);
    expect(withinPairs(safe, values, four)).toBe(safe);
  });

  it('take the two best levels of a codebook, as trying all of them does', () => {
    const two = pairing(layer('Gemm', [2, 2], { transB: 1 }));
    forSeeds(50, (random) => {
      const levels = Int8Array.from({ length: 8 }, () => anyInteger(random, -127, 127));
      const values = Float32Array.from({ length: 4 }, () => anyInteger(random, -127, 127));
      const nearest = (w: number, book: Int8Array) =>
        book.reduce((best, l, i) => (Math.abs(l - w) < Math.abs((book[best] as number) - w) ? i : best), 0);
      const books = [levels.subarray(0, 4), levels.subarray(4)] as const;
      const indices = Uint8Array.from(values, (w, i) => nearest(w, books[i >> 1] as Int8Array));
      const weight: QuantizedTensor = {
        ...{ kind: 'codebook', dims: [2, 2], indices, bits: 2, levels, channelsPerCodebook: 1, axis: 0 },
        scales: Float32Array.of(1, 1),
      };
      const made = dequantizeTensor(withinPairs(weight, values, two));
      for (const c of [0, 1]) {
        const book = [...(books[c] as Int8Array)];
        const allowed = book
          .flatMap((a) => book.map((b) => [a, b] as const))
          .filter(([a, b]) => {
            return !(a * b > 0 && Math.abs(a + b) > 128);
          });
        if (allowed.length === 0) continue;
        const cost = (a: number, b: number) =>
          (a - (values[2 * c] as number)) ** 2 + (b - (values[2 * c + 1] as number)) ** 2;
        const least = Math.min(...allowed.map(([a, b]) => cost(a, b)));
        expect(cost(made[2 * c] as number, made[2 * c + 1] as number)).toBe(least);
      }
    });
  });
});
