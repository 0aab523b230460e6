import { describe, expect, it } from 'vitest';
import { EmbeddingMeter } from '../../src/evaluate/embedding-drift.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { randomFloats } from '../support/graph-builder.js';

/** Vectors of the plane at these angles, of other lengths each. */
const vectors = (degrees: number[]): NdArray => ({
  type: 'float64',
  dims: [degrees.length, 2],
  data: Float64Array.from(
    degrees.flatMap((angle, i) => [Math.cos, Math.sin].map((f) => (i + 1) * f((angle * Math.PI) / 180))),
  ),
});

describe('embeddings', () => {
  it('by hand: one of four vectors turns by 15°', () => {
    const meter = new EmbeddingMeter();
    meter.add(vectors([0, 10, 30, 70]), vectors([0, 25, 30, 70]), { size: 4, samples: 4 });
    const drift = meter.drift;
    const turned = Math.cos((15 * Math.PI) / 180);
    expect(drift?.leastCosine).toBeCloseTo(turned, 12);
    expect(drift?.meanCosine).toBeCloseTo((3 + turned) / 4, 12);
    // Angles between the pairs: 10 30 70 20 60 40 and 25 30 70 5 45 40; the ranks of two differ by 1 of 6 pairs.
    expect(drift?.rankCorrelation).toBeCloseTo(1 - (6 * 2) / (6 * 35), 12);
    expect(drift?.rankedSamples).toBe(4);
  });

  it('that are scaled and rotated keep all similarities, whatever each cosine is', () => {
    const meter = new EmbeddingMeter();
    meter.add(vectors([0, 10, 30, 70]), vectors([90, 100, 120, 160]), { size: 4, samples: 4 });
    expect(meter.drift?.meanCosine).toBeCloseTo(0, 12);
    expect(meter.drift?.rankCorrelation).toBeCloseTo(1, 12);
  });

  it('rank at most 256 samples, and count every one', () => {
    const meter = new EmbeddingMeter();
    for (let i = 0; i < 300; i++) {
      const data = randomFloats(8, i);
      const other = i < 256 ? data : data.map((value) => -value);
      meter.add(
        { type: 'float32', dims: [1, 8], data },
        { type: 'float32', dims: [1, 8], data: other },
        { size: 1, samples: 1 },
      );
    }
    expect(meter.drift?.rankedSamples).toBe(256);
    expect(meter.drift?.rankCorrelation).toBeCloseTo(1, 12);
    expect(meter.drift?.meanCosine).toBeCloseTo((256 - 44) / 300, 10);
  });

  it.each([
    ['all of length 1', [0.6, -0.8, -1, 0], true],
    ['one longer', [0.6, -0.8, -1.01, 0], false],
    ['probabilities, all but certain', [0, 1, 0.0001, 0.9999], false],
  ])('tells embeddings from scores by their length: %s', (_, values, expected) => {
    const meter = new EmbeddingMeter();
    const array: NdArray = { type: 'float32', dims: [2, 2], data: Float32Array.from(values) };
    meter.add(array, array, { size: 2, samples: 2 });
    expect(meter.drift?.isUnitLength).toBe(expected);
  });

  it('are vectors with a direction; two of them have no order', () => {
    const meter = new EmbeddingMeter();
    const zeros: NdArray = { type: 'float32', dims: [1, 2], data: Float32Array.of(0, 0) };
    meter.add(zeros, zeros, { size: 1, samples: 1 });
    meter.add({ ...zeros, dims: [2] }, { ...zeros, dims: [2] }, { size: 1, samples: 1 });
    expect(meter.drift).toBeNull();
    meter.add(vectors([0, 10]), vectors([0, 10]), { size: 2, samples: 2 });
    expect(meter.drift).toMatchObject({ rankCorrelation: null, rankedSamples: 2 });
  });
});
