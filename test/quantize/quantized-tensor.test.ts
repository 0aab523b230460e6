import { describe, expect, it } from 'vitest';
import { channelAlong } from '../../src/numerics/nd-array.js';
import {
  type AffineTensor,
  type CodebookTensor,
  dequantizeTensor,
  integersOfTensor,
} from '../../src/quantize/quantized-tensor.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

const affine: AffineTensor = {
  kind: 'affine',
  dims: [2, 3],
  codes: Int8Array.of(1, -2, 127, -127, 0, 5),
  bits: 8,
  axis: 1,
  scales: Float32Array.of(0.1, 0.2, 0.3),
};

const codebook: CodebookTensor = {
  kind: 'codebook',
  dims: [2, 2],
  indices: Uint8Array.of(0, 3, 2, 1),
  bits: 2,
  levels: Int8Array.of(-100, -10, 0, 64),
  channelsPerCodebook: undefined,
  axis: 0,
  scales: Float32Array.of(0.5, 2),
};

describe('channelAlong', () => {
  it('is the place along an axis of a row-major array', () => {
    const along = (axis: number | undefined) =>
      Array.from({ length: 12 }, (_, i) => channelAlong([2, 3, 2], axis)(i));
    expect(along(0)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect(along(1)).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
    expect(along(2)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(along(undefined)).toEqual(new Array(12).fill(0));
  });
});

describe('integersOfTensor', () => {
  it('looks up each channel in the codebook that it shares', () => {
    const tensor: CodebookTensor = {
      kind: 'codebook',
      dims: [3, 2],
      indices: Uint8Array.of(0, 3, 1, 2, 3, 0),
      bits: 2,
      levels: Int8Array.of(-4, -1, 1, 4, -100, -50, 50, 100),
      channelsPerCodebook: 2,
      axis: 0,
      scales: Float32Array.of(1, 1, 1),
    };
    expect([...integersOfTensor(tensor)]).toEqual([-4, 4, -1, 1, 100, -100]);
  });

  it('looks up the levels of a codebook', () => {
    expect([...integersOfTensor(codebook)]).toEqual([-100, 64, 0, -10]);
    expect(integersOfTensor(affine)).toEqual(affine.codes);
  });
});

describe('dequantizeTensor', () => {
  it('multiplies each channel by its scale, by hand', () => {
    expect([...dequantizeTensor(codebook)]).toEqual([-50, 32, 0, -20]);
  });

  it('is what DequantizeLinear of onnxruntime gives, to the bit', async () => {
    const g = new GraphBuilder();
    g.input('x', [2, 3]);
    g.constant('codes', [2, 3], affine.codes);
    g.constant('scales', [3], affine.scales);
    g.node('DequantizeLinear', ['codes', 'scales'], 'weight', { axis: 1 });
    g.node('Add', ['x', 'weight'], 'y');
    g.output('y', [2, 3]);
    const zeros = { x: { type: 'float32', dims: [2, 3], data: new Float32Array(6) } } as const;
    const outputs = await runIn('disabled', g.build(), zeros);
    expect(dequantizeTensor(affine)).toEqual(outputs.get('y')?.data);
  });
});
