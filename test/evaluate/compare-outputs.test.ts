import { describe, expect, it } from 'vitest';
import type { SampleSource } from '../../calibration/source.js';
import { compareOutputs } from '../../src/evaluate/compare-outputs.js';
import type { Model } from '../../src/graph/model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder } from '../support/graph-builder.js';

/** scores = x · factors, and a second output x + offset of another rank. */
function scaled(factors: readonly number[], offset: number): Model {
  const g = new GraphBuilder();
  g.input('x', ['batch', 3]);
  g.constant('factors', [3], factors);
  g.constant('offset', [], [offset]);
  g.constant('axes', [1], new BigInt64Array([2n]));
  g.node('Add', [g.node('Unsqueeze', ['x', 'axes'], 'u'), 'offset'], 'map');
  g.output('map');
  g.output(g.node('Mul', ['x', 'factors'], 'scores'));
  return g.build();
}

/** Batches of rows of three; a number tells how many rows are samples. */
const sourceOfRows = (...batches: [rows: number[][], samples: number][]): SampleSource => ({
  label: 'rows',
  length: batches.reduce((sum, [, samples]) => sum + samples, 0),
  preprocess: 'none',
  async *open() {
    for (const [rows, samples] of batches) {
      const data = Float32Array.from(rows.flat());
      yield { feed: { x: { type: 'float32', dims: [rows.length, 3], data } }, size: rows.length, samples };
    }
  },
});

const compare = (source: SampleSource, quantized: Model, exact: Model, labels?: number[]) =>
  withSession(encodeModel(scaled([1, 1, 1], 0)), { mode: 'disabled' }, (float) =>
    withSession(encodeModel(quantized), { mode: 'disabled' }, (deployed) =>
      withSession(encodeModel(exact), { mode: 'disabled' }, (truth) =>
        compareOutputs(
          source,
          { float, deployed, exact: truth },
          { labels, classes: new Map([['scores', 'rows']]) },
        ),
      ),
    ),
  );

describe('outputs of two models', () => {
  const rows: [number[][], number][] = [
    [
      [
        [3, 2, 0],
        [0, 2, 1],
      ],
      2,
    ],
    [
      [
        [0, 3, 4],
        // Fills the batch up: were it counted, everything would change.
        [90, 90, 90],
      ],
      1,
    ],
  ];

  it('drift apart as worked by hand, in the deployed and the exact session', async () => {
    // Scores with the first two halved: (1.5, 1, 0), (0, 1, 1), (0, 1.5, 4); offset by 0.5 in the map.
    const { outputs, task } = await compare(
      sourceOfRows(...rows),
      scaled([0.5, 0.5, 1], 0.5),
      scaled([1, 1, 1], 0.25),
    );
    expect(task).toBeUndefined();
    const [map, scores] = outputs;
    expect([map?.name, scores?.name]).toEqual(['map', 'scores']);
    // Σx² = 9 + 4 + 4 + 1 + 9 + 16 = 43; Σe²: map 9 · 0.25, exact 9 · 0.0625; scores 2.25 + 1 + 1 + 2.25 = 6.5.
    expect(map?.deployed.sqnrDb).toBeCloseTo(10 * Math.log10(43 / 2.25), 10);
    expect(map?.exact.sqnrDb).toBeCloseTo(10 * Math.log10(43 / 0.5625), 10);
    expect(scores?.deployed.sqnrDb).toBeCloseTo(10 * Math.log10(43 / 6.5), 10);
    expect(scores?.exact.sqnrDb).toBeNull();
    expect([scores?.deployed.maxAbsError, scores?.deployed.samples]).toEqual([1.5, 3]);
    // Row 2: class 1 is the first of equals, so all three agree.
    expect([scores?.deployed.topOneAgreement, map?.deployed.topOneAgreement]).toEqual([1, null]);
  });

  it('have errors of a size, and directions', async () => {
    const { outputs } = await compare(
      sourceOfRows(...rows),
      scaled([0.5, 0.5, 1], 0.5),
      scaled([1, 1, 1], 0),
    );
    const [map, scores] = outputs;
    expect(map?.errors).toMatchObject({ p50: 0.5, p999: 0.5 });
    expect(map?.embedding).toBeNull();
    // (3, 2, 0) against (1.5, 1, 0) has the same direction; (0, 2, 1) against (0, 1, 1); (0, 3, 4) against (0, 1.5, 4).
    const cosines = [1, 3 / Math.sqrt(10), 20.5 / (5 * Math.sqrt(18.25))];
    expect(scores?.embedding?.meanCosine).toBeCloseTo(cosines.reduce((a, b) => a + b) / 3, 10);
    expect(scores?.embedding?.leastCosine).toBeCloseTo(Math.min(...cosines), 10);
    expect(scores?.embedding?.rankedSamples).toBe(3);
  });

  it('show what optimizations change, against sessions without them', async () => {
    const disabled = { mode: 'disabled' } as const;
    const { outputs } = await withSession(encodeModel(scaled([1, 1, 1], 0)), disabled, (same) =>
      withSession(encodeModel(scaled([1, 1, 1], 0.5)), disabled, (wrong) =>
        compareOutputs(sourceOfRows(...rows), {
          float: same,
          deployed: same,
          exact: same,
          unoptimized: { float: wrong, quantized: same },
        }),
      ),
    );
    const [map, scores] = outputs;
    // Σ(x + 0.5)² = 43 + 15 + 9 · 0.25 over 9 elements whose sum is 15; Σe² = 9 · 0.25.
    expect(map?.optimizations.float.sqnrDb).toBeCloseTo(10 * Math.log10(60.25 / 2.25), 10);
    expect(map?.optimizations.quantized.sqnrDb).toBeNull();
    expect(scores?.optimizations.float).toMatchObject({ sqnrDb: null, samples: 3 });
  });

  it('are graded by labels, over the samples in order', async () => {
    // Scores with the last tripled: (3, 2, 0) → 0, (0, 2, 3) → 2, (0, 3, 12) → 2; float: 0, 1, 2.
    const tripled = scaled([1, 1, 3], 0);
    const graded = (labels: number[]) =>
      compare(sourceOfRows(...rows), tripled, tripled, labels).then(({ task }) => task);
    expect(await graded([0, 1, 2])).toMatchObject({
      ...{ output: 'scores', samples: 3, float: 1, quantized: 2 / 3 },
      topOneDrop: { lost: 1, gained: 0, drop: 1 / 3 },
    });
    expect(await graded([1, 2, 2])).toMatchObject({
      ...{ output: 'scores', samples: 3, float: 1 / 3, quantized: 2 / 3 },
      topOneDrop: { lost: 0, gained: 1, drop: -1 / 3 },
    });
  });

  it('the exact session, which is slow, is asked for the first samples alone', async () => {
    const row = [[1, 2, 3]];
    const many = Array.from({ length: 600 }, (): [number[][], number] => [row, 1]);
    const { outputs } = await compare(sourceOfRows(...many), scaled([1, 1, 2], 0), scaled([1, 1, 2], 0));
    expect(outputs[1]?.deployed.samples).toBe(600);
    expect(outputs[1]?.exact.samples).toBeLessThan(600);
    expect(outputs[1]?.exact.sqnrDb).toBeCloseTo(outputs[1]?.deployed.sqnrDb ?? 0, 10);
  });
});
