import { expect, test } from 'vitest';
import { reverse } from '../../../src/derive/reverse.js';
import { tensorOf } from '../../../src/graph/tensor.js';
import type { NdArray } from '../../../src/numerics/nd-array.js';
import { crossEntropy } from '../../../src/refine/learning/class-goal.js';
import { shapesIn } from '../../../src/train/shapes.js';
import { GraphBuilder } from '../../support/graph-builder.js';
import { stepsIn } from '../../support/graph-steps.js';
import { runIn } from '../../support/sessions.js';

const floats = (dims: readonly number[], values: readonly number[]): NdArray => ({
  ...{ type: 'float32', dims, data: Float32Array.from(values) },
});

test('cross-entropy of a batch, and its gradient by the scores, by hand', async () => {
  const g = new GraphBuilder();
  // Probabilities (1/4, 3/4) and (1/2, 1/2).
  g.graph.initializers.set('z', tensorOf(floats([2, 2], [0, Math.log(3), 5, 5])));
  g.graph.initializers.set('t', tensorOf(floats([2, 2], [1, 0, 0.5, 0.5])));
  const { steps } = stepsIn(g, 'test');
  const { loss, own } = crossEntropy(steps, 'z', 't', 2);
  g.graph.nodes.push(...steps.nodes);
  const model = g.build();
  const reversed = reverse(g.graph, loss, ['z'], { shapes: await shapesIn(model, {}), own: [own] });
  if (reversed.kind === 'refused') throw new Error(JSON.stringify(reversed.refusals));
  const gradient = reversed.gradients.get('z') ?? '';
  const outputs = [loss, gradient].map((name) => ({ name, dataType: undefined, shape: undefined }));
  const found = await runIn('disabled', { ...model, graph: { ...reversed.graph, outputs } }, {});
  expect(Number(found.get(loss)?.data[0])).toBeCloseTo((Math.log(4) + Math.log(2)) / 2, 6);
  [-3 / 8, 3 / 8, 0, 0].forEach((value, at) => {
    expect(Number(found.get(gradient)?.data[at])).toBeCloseTo(value, 6);
  });
});
