import { describe, expect, it } from 'vitest';
import type { Labelled } from '../../src/calibrate/samples.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { stepsOf } from '../../src/recipe.js';
import { classGoal, EntropySum, targetsOf } from '../../src/refine/learning/class-goal.js';
import { refinePlan } from '../../src/refine/refine-plan.js';
import { refiners } from '../../src/refine/refiners.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

const context = { seed: 0, maxMemoryBytes: undefined, pause: async () => {}, progress: () => {} };
const [INPUTS, CLASSES] = [12, 3];

/** x → Gemm → Relu → Gemm [n, 3], behind a Softmax where asked for. */
function classifier(isSoftmax: boolean): Model {
  const net = new Net();
  net.input('x', ['n', INPUTS]);
  net.node('Relu', [net.gemm('x', 'a', INPUTS, 16)], 'r');
  const scores = net.gemm('r', 'y', 16, CLASSES);
  return finish(net, isSoftmax ? net.node('Softmax', [scores], 'p') : scores);
}

/** Samples, each with the class that the float model gives it. */
async function labelledBy(model: Model, count: number, seed: number): Promise<Labelled> {
  const feeds = Array.from({ length: count }, (_, i): Feed => {
    return { x: { type: 'float32', dims: [1, INPUTS], data: randomFloats(INPUTS, seed + i, -1, 1) } };
  });
  const labels: number[] = [];
  for (const feed of feeds) {
    const [found] = (await runIn('disabled', model, feed)).values();
    const data = found?.data as Float32Array;
    labels.push(data.indexOf(Math.max(...data)));
  }
  return { source: sourceOf(feeds), labels };
}

async function finetuned(text: string, { isSoftmax = false, areWrong = false } = {}) {
  const model = classifier(isSoftmax);
  const right = await labelledBy(model, 320, 1000);
  const training = areWrong
    ? { ...right, labels: right.labels.map((label) => (label + 1) % CLASSES) }
    : right;
  const feeds: Feed[] = [];
  for await (const { feed } of training.source.open()) feeds.push(feed);
  const { plan } = await quantizeModel(model, { bits: 2, allLayers: true }, feeds.slice(0, 16));
  const steps = stepsOf(text, refiners);
  if (typeof steps === 'string') throw new Error(steps);
  const source = sourceOf(feeds.slice(0, 40));
  return refinePlan(
    plan,
    steps.map((step) => [step]),
    refiners,
    { ...context, model, source, training },
  );
}

describe('finetune', () => {
  it.each([
    ['scores', false],
    ['probabilities', true],
  ])('learns %s from labels, and is judged on labelled samples held back', async (_, isSoftmax) => {
    const { refinements } = await finetuned('finetune:steps=150:teacher=0', { isSoftmax });
    expect(refinements).toMatchObject([
      { name: 'finetune', judge: 'labels', kept: true, samples: 256, heldBack: 64 },
    ]);
    const [record] = refinements;
    expect(record?.after).toBeLessThan(0.7 * (record?.before ?? 0));
  });

  it('learns nothing from labels where float alone is the teacher', async () => {
    const text = 'finetune:steps=60:teacher=1';
    const [wrong] = (await finetuned(text, { areWrong: true })).refinements;
    expect(wrong?.after).toBe(wrong?.before);
    const [right] = (await finetuned(text)).refinements;
    expect(right?.after).toBeLessThan(right?.before ?? 0);
  });

  it('stands beside refiners that float judges', async () => {
    const { refinements } = await finetuned('moments,finetune:steps=20:teacher=0');
    expect(refinements.map(({ judge, samples, heldBack }) => [judge, samples, heldBack])).toEqual([
      ['float', 40, 0],
      ['labels', 256, 64],
    ]);
  });

  it('refuses classes that the output does not have', async () => {
    const model = classifier(false);
    const training = { ...(await labelledBy(model, 2, 1)), labels: [0, 3] };
    await expect(classGoal(model, training, 0)).rejects.toMatchObject({
      code: 'bad-option',
      facts: { flag: '--train-labels', problem: 'has the class 3, but the output "y" has 3 classes' },
    });
  });

  it('refuses a model without an output of one row a sample', async () => {
    const net = new Net();
    net.input('x', ['n', 4, 6, 6]);
    const model = finish(net, net.conv('x', 'y'));
    const feed: Feed = { x: { type: 'float32', dims: [1, 4, 6, 6], data: randomFloats(144, 1) } };
    await expect(classGoal(model, { source: sourceOf([feed]), labels: [0] }, 0)).rejects.toMatchObject({
      code: 'bad-option',
      facts: { flag: '--train-labels' },
    });
  });
});

describe('what is to be learned', () => {
  const goal = { output: 'y', classes: 2, labels: [1, 0, 1], teacher: 0.25 };
  // Softmax of (0, ln 3) is (1/4, 3/4).
  const scores = { type: 'float32', dims: [1, 2], data: Float32Array.of(0, Math.log(3)) } as const;

  it('is the class of a sample', () => {
    const { dims, data } = targetsOf(goal, [1, 2]);
    expect(dims).toEqual([2, 2]);
    expect(Array.from(data as Float32Array)).toEqual([1, 0, 0, 1]);
  });

  it('is measured in nats', () => {
    const sum = new EntropySum(goal);
    sum.add(scores, [0]);
    expect(sum.mean).toBeCloseTo(Math.log(4 / 3), 6);
    sum.add(scores, [1]);
    expect(sum.mean).toBeCloseTo((Math.log(4 / 3) + Math.log(4)) / 2, 6);
  });
});
