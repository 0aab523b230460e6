import { expect, test } from 'vitest';
import type { NdArray } from '../../src/numerics/nd-array.js';
import type { Objective } from '../../src/train/objective.js';
import { halfCosine, type Trained, type TrainSettings, train } from '../../src/train/train.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';

const floats = (dims: readonly number[], values: ArrayLike<number>): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

const settings: TrainSettings = { steps: 3, batch: 1, seed: 1, schedule: () => 1 };

/** loss = Σ (p·x − 2)², one sample of x = 1. */
function square(start: number, rate: number, minimum?: number): Objective {
  const g = new GraphBuilder();
  g.input('x', [1, 1]);
  g.input('p', [1]);
  g.constant('two', [], [2]);
  g.node('Mul', ['x', 'p'], 'product');
  g.node('Sub', ['product', 'two'], 'difference');
  g.node('Mul', ['difference', 'difference'], 'squared');
  g.node('ReduceSum', ['squared'], 'loss', { keepdims: 0 });
  return {
    graph: g.graph,
    opsets: new Map([['', 13]]),
    loss: 'loss',
    parameters: [{ name: 'p', start: floats([1], [start]), rate, ...(minimum !== undefined && { minimum }) }],
    banks: [{ input: 'x', samples: floats([1, 1], [1]), draw: 'batch' }],
  };
}

function trained(result: Trained) {
  if (result.kind === 'refused') throw new Error(JSON.stringify(result.refusals));
  return result;
}

test('three steps of Adam, by hand', async () => {
  // By the paper's algorithm in float64: g = 2(p − 2).
  let [p, m, v] = [5, 0, 0];
  const losses: number[] = [];
  for (let t = 1; t <= 3; t++) {
    const gradient = 2 * (p - 2);
    losses.push((p - 2) ** 2);
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient ** 2;
    p -= (0.5 * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
  }
  const result = trained(await train(square(5, 0.5), settings));
  expect(result.values.get('p')?.data[0]).toBeCloseTo(p, 4);
  losses.forEach((loss, at) => {
    expect(result.losses[at]).toBeCloseTo(loss, 4);
  });
});

test('a parameter stays above its minimum', async () => {
  const result = trained(await train(square(5, 0.5, 4.2), settings));
  expect(result.values.get('p')?.data[0]).toBeCloseTo(4.2, 6);
});

/** A linear layer learns y = Wx from 64 samples. */
function regression(): Objective {
  const weight = randomFloats(12, 3);
  const x = randomFloats(64 * 4, 5);
  const y = Float32Array.from({ length: 64 * 3 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    let sum = 0;
    for (let i = 0; i < 4; i++) sum += (x[row * 4 + i] ?? 0) * (weight[i * 3 + column] ?? 0);
    return sum;
  });
  const g = new GraphBuilder();
  g.input('x', ['batch', 4]);
  g.input('y', ['batch', 3]);
  g.input('w', [4, 3]);
  g.node('MatMul', ['x', 'w'], 'z');
  g.node('Sub', ['z', 'y'], 'difference');
  g.node('Mul', ['difference', 'difference'], 'squared');
  g.node('ReduceMean', ['squared'], 'loss', { keepdims: 0 });
  return {
    graph: g.graph,
    opsets: new Map([['', 17]]),
    loss: 'loss',
    parameters: [{ name: 'w', start: floats([4, 3], new Float32Array(12)), rate: 0.05 }],
    banks: [
      { input: 'x', samples: floats([64, 4], x), draw: 'batch' },
      { input: 'y', samples: floats([64, 3], y), draw: 'batch' },
    ],
  };
}

test('batches keep their samples together: a linear layer is found', async () => {
  const result = trained(await train(regression(), { steps: 400, batch: 16, seed: 7 }));
  const found = Array.from(result.values.get('w')?.data as Float32Array);
  randomFloats(12, 3).forEach((weight, at) => {
    expect(found[at]).toBeCloseTo(weight, 2);
  });
  expect(result.losses[399]).toBeLessThan(1e-4);
});

test('the same seed gives the same bytes, another seed others', async () => {
  const once = trained(await train(regression(), { steps: 20, batch: 16, seed: 7 }));
  const again = trained(await train(regression(), { steps: 20, batch: 16, seed: 7 }));
  const other = trained(await train(regression(), { steps: 20, batch: 16, seed: 8 }));
  expect(again.values.get('w')?.data).toEqual(once.values.get('w')?.data);
  expect(again.losses).toEqual(once.losses);
  expect(other.values.get('w')?.data).not.toEqual(once.values.get('w')?.data);
});

test('a schedule feeds a scalar, a random bank draws rows', async () => {
  const g = new GraphBuilder();
  g.input('r', ['batch', 1]);
  g.input('s', []);
  g.input('p', [1]);
  g.node('Mul', ['r', 's'], 'scaled');
  g.node('Mul', ['scaled', 'p'], 'product');
  g.node('ReduceSum', ['product'], 'loss', { keepdims: 0 });
  const objective: Objective = {
    graph: g.graph,
    opsets: new Map([['', 17]]),
    loss: 'loss',
    parameters: [{ name: 'p', start: floats([1], [1]), rate: 0 }],
    banks: [{ input: 'r', samples: floats([3, 1], [1, 2, 3]), draw: 'random' }],
    schedules: [{ input: 's', at: (progress) => 10 * progress }],
  };
  const { losses } = trained(await train(objective, { steps: 10, batch: 1, seed: 1 }));
  const drawn = Array.from(losses, (loss, at) => loss / at).slice(1);
  expect(drawn.every((row) => [1, 2, 3].includes(Math.round(row * 1e4) / 1e4))).toBe(true);
  expect(new Set(drawn.map(Math.round)).size).toBeGreaterThan(1);
});

test('an abort stops between two steps', async () => {
  const controller = new AbortController();
  const steps: number[] = [];
  const running = train(regression(), {
    steps: 100,
    batch: 16,
    seed: 7,
    pause: async () => controller.signal.throwIfAborted(),
    onStep: (step) => {
      steps.push(step);
      if (step === 5) controller.abort(new Error('enough'));
    },
  });
  await expect(running).rejects.toThrow('enough');
  expect(steps).toEqual([1, 2, 3, 4, 5]);
});

test('an operator without a derivative is named', async () => {
  const objective = square(5, 0.5);
  const [mul] = objective.graph.nodes;
  if (mul) mul.outputs = ['before'];
  objective.graph.nodes.splice(1, 0, {
    ...(mul as NonNullable<typeof mul>),
    id: 'rounded',
    opType: 'Round',
    inputs: ['before'],
    outputs: ['product'],
  });
  const result = await train(objective, settings);
  expect(result).toEqual({
    kind: 'refused',
    refusals: [{ node: 'rounded', opType: 'Round', reason: 'has no derivative' }],
  });
});

test('the half cosine: 1, ½, 0', () => {
  expect([0, 0.5, 1].map(halfCosine)).toEqual([1, expect.closeTo(0.5, 12), 0]);
});
