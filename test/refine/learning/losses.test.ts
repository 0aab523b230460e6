import { expect, test } from 'vitest';
import { tensorOf } from '../../../src/graph/tensor.js';
import type { NdArray } from '../../../src/numerics/nd-array.js';
import { teacherLosses } from '../../../src/refine/learning/losses.js';
import { GraphBuilder } from '../../support/graph-builder.js';
import { stepsIn } from '../../support/graph-steps.js';
import { runIn } from '../../support/sessions.js';

const floats = (dims: readonly number[], values: readonly number[]): NdArray => ({
  ...{ type: 'float32', dims, data: Float32Array.from(values) },
});

/** The losses of one output and one value inside, in onnxruntime. */
async function lossesOf(share: number | undefined) {
  const g = new GraphBuilder();
  // Off by 1, 0, 3 and 0 of 1, 2, 3 and 4; off by 2 and 1 of 5 and 0.
  g.graph.initializers.set('y~', tensorOf(floats([2, 2], [2, 2, 0, 4])));
  g.graph.initializers.set('y', tensorOf(floats([2, 2], [1, 2, 3, 4])));
  g.graph.initializers.set('h~', tensorOf(floats([2, 1], [3, 1])));
  g.graph.initializers.set('h', tensorOf(floats([2, 1], [5, 0])));
  const { steps } = stepsIn(g, 'test');
  const names = teacherLosses(steps, {
    outputs: [{ found: 'y~', wanted: 'y', dims: [2, 2] }],
    hints: [
      { found: 'h~', wanted: 'h', dims: [2, 1] },
      { found: 'h', wanted: 'h', dims: [2, 1] },
    ],
    ...{ energy: 15, hintWeight: 1, share },
  });
  g.graph.nodes.push(...steps.nodes);
  const model = g.build();
  const outputs = names.map((name) => ({ name, dataType: undefined, shape: undefined }));
  const found = await runIn('disabled', { ...model, graph: { ...model.graph, outputs } }, {});
  return names.map((name) => Number(found.get(name)?.data[0]));
}

test('a teacher asks for the outputs, and for what is inside by its relative error in units of them, by hand', async () => {
  // Both channels, a mean of two samples: (1 + 9) / 2. Of two values inside one is right: 15 · (4 + 1) / 25 / 2.
  const [output, hint] = await lossesOf(undefined);
  expect(output).toBeCloseTo(5, 6);
  expect(hint).toBeCloseTo(1.5, 6);
});

test('beside another teacher each counts its share, in relative errors', async () => {
  const [output, hint] = await lossesOf(0.3);
  expect(output).toBeCloseTo((0.3 * 5) / 15, 6);
  expect(hint).toBeCloseTo((0.3 * 1.5) / 15, 6);
});
