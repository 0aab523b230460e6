import { expect, test } from 'vitest';
import type { AffineTensor, CodebookTensor } from '../../../src/quantize/quantized-tensor.js';
import { withinCells } from '../../../src/refine/learning/cells.js';

test('a weight stays where its code is the nearest, and is moved to the border of the cell elsewhere', () => {
  const tensor: AffineTensor = {
    ...{ kind: 'affine', dims: [2, 2], bits: 3, axis: 0 },
    ...{ codes: Int8Array.of(1, 1, -2, 0), scales: Float32Array.of(0.5, 2) },
  };
  // In steps: 1.2 is in the cell of 1; 1.9 is in that of 2; −2.6 in that of −3; 0.4 in that of 0.
  const found = withinCells(Float32Array.of(0.6, 0.95, -5.2, 0.4), tensor);
  [0.6, 0.5 * 1.3, 2 * -2.3, 0.4].forEach((value, at) => {
    expect(found[at]).toBeCloseTo(value, 6);
  });
});

test('the cell of a level ends half way to its neighbours, and as far beyond the last', () => {
  const tensor: CodebookTensor = {
    ...{ kind: 'codebook', dims: [1, 4], bits: 2, axis: 0, channelsPerCodebook: 1 },
    ...{
      indices: Uint8Array.of(1, 1, 3, 0),
      levels: Int8Array.of(-100, 0, 20, 80),
      scales: Float32Array.of(0.01),
    },
  };
  // Levels −1, 0, 0.2, 0.8: what is free of the cell of 0 is −0.3 … 0.06, of 0.8 0.62 … 0.98, of −1 −1.3 … −0.7.
  const found = withinCells(Float32Array.of(-0.3, 0.15, 5, -0.2), tensor);
  [-0.3, 0.06, 0.98, -0.7].forEach((value, at) => {
    expect(found[at]).toBeCloseTo(value, 6);
  });
});
