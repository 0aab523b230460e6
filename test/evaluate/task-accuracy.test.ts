import { describe, expect, it } from 'vitest';
import { TaskMeter } from '../../src/evaluate/task-accuracy.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { expectRefusal } from '../support/refusal.js';

/** Rows of seven scores in which the classes named come first, in that order. */
const ranking = (...rows: number[][]): NdArray => ({
  type: 'float32',
  dims: [rows.length, 7],
  data: Float32Array.from(
    rows.flatMap((order) =>
      [0, 1, 2, 3, 4, 5, 6].map((c) => (order.includes(c) ? 10 - order.indexOf(c) : 0)),
    ),
  ),
});

describe('labels beyond the classes', () => {
  it.each([7, 987, -1])('%i of seven classes: refused, with its sample', async (label) => {
    const meter = new TaskMeter([0, 1, label]);
    const batch = { size: 2, samples: 2 };
    meter.add('scores', ranking([0], [1]), ranking([0], [1]), batch, 0);
    const again = { size: 1, samples: 1 };
    const error = await expectRefusal(
      () => meter.add('scores', ranking([0]), ranking([0]), again, 2),
      'labels-outside',
      2,
    );
    expect(error.facts).toEqual({ sample: 2, label, output: 'scores', classes: 7 });
  });
});

describe('accuracy', () => {
  it('by hand: the label is first, within five, or neither, in each model', () => {
    const meter = new TaskMeter([0, 1, 2, 3]);
    // Label 0: first in both. Label 1: first in float, third in the other. Label 2: sixth in float, first in the other.
    // Label 3: fifth in float, seventh in the other.
    const float = ranking([0], [1], [0, 1, 3, 4, 5, 2], [0, 1, 2, 4, 3]);
    const quantized = ranking([0], [5, 6, 1], [2], [0, 1, 2, 4, 5, 6]);
    meter.add('scores', float, quantized, { size: 4, samples: 4 }, 0);
    expect(meter.accuracy).toMatchObject({
      output: 'scores',
      samples: 4,
      float: 0.5,
      quantized: 0.5,
      topOneDrop: { lost: 1, gained: 1, drop: 0, isSignificant: false },
      topFive: { float: 0.75, quantized: 0.75, drop: { lost: 1, gained: 1 } },
    });
  });

  it('takes the labels of its batch, and grades the first output of classes alone', () => {
    const meter = new TaskMeter([6, 6, 3]);
    const right = ranking([3]);
    meter.add('first', right, right, { size: 1, samples: 1 }, 2);
    meter.add('second', right, right, { size: 1, samples: 1 }, 0);
    expect(meter.accuracy).toMatchObject({ output: 'first', samples: 1, float: 1, quantized: 1 });
  });

  it('a model of NaN is right about nothing', () => {
    const meter = new TaskMeter([0]);
    const nan: NdArray = { ...ranking([0]), data: new Float32Array(7).fill(Number.NaN) };
    meter.add('scores', ranking([0]), nan, { size: 1, samples: 1 }, 0);
    expect(meter.accuracy).toMatchObject({ float: 1, quantized: 0, topFive: { quantized: 0 } });
  });

  it('has no top-5 below six classes, and none at all without classes', () => {
    const meter = new TaskMeter([1]);
    const map: NdArray = { type: 'float32', dims: [1, 2, 2], data: new Float32Array(4) };
    meter.add('map', map, map, { size: 1, samples: 1 }, 0);
    expect(meter.accuracy).toBeUndefined();
    const five: NdArray = { type: 'float32', dims: [1, 5], data: Float32Array.of(0, 1, 0, 0, 0) };
    meter.add('scores', five, five, { size: 1, samples: 1 }, 0);
    expect(meter.accuracy).toMatchObject({ float: 1, topFive: null });
  });
});
