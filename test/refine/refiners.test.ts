import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { exposing } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { pairingIn, saturatingPairs } from '../../src/quantize/pairs.js';
import type { Plan } from '../../src/quantize/plan.js';
import {
  type AffineTensor,
  integersOfTensor,
  type QuantizedTensor,
} from '../../src/quantize/quantized-tensor.js';
import { refinePlan } from '../../src/refine/refine-plan.js';
import { refiners } from '../../src/refine/refiners.js';
import { secondOrder } from '../../src/refine/second-order.js';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** x → Conv "a" → Relu → Conv "b" → y, and samples. */
function chain(): { model: Model; feeds: Feed[] } {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.node('Relu', [net.conv('x', 'a')], 'r');
  const model = finish(net, net.conv('r', 'y'));
  const feeds = Array.from({ length: 12 }, (_, i) => ({
    x: { type: 'float32' as const, dims: [1, 4, 8, 8], data: randomFloats(256, 40 + i) },
  }));
  return { model, feeds };
}

const context = {
  seed: 0,
  maxMemoryBytes: undefined,
  pause: async () => {},
  progress: () => {},
};

async function refined(
  name: string,
  recipe: { bits: number; allLayers: boolean; scheme?: string } = { bits: 2, allLayers: true },
) {
  const { model, feeds } = chain();
  const { plan } = await quantizeModel(model, recipe, feeds);
  const sources = { ...context, model, source: sourceOf(feeds) };
  return { model, feeds, plan, next: await refinePlan(plan, [[{ name, settings: {} }]], refiners, sources) };
}

/** Mean and deviation of each of four channels of y over all samples, from onnxruntime's own run. */
async function channelsOf(model: Model, feeds: readonly Feed[]) {
  const sums = Array.from({ length: 4 }, () => ({ count: 0, sum: 0, squares: 0 }));
  for (const feed of feeds) {
    const y = (await runIn('disabled', exposing(model, []), feed)).get('y')?.data as Float32Array;
    y.forEach((value, i) => {
      const channel = sums[Math.floor(i / 64)] as { count: number; sum: number; squares: number };
      channel.count++;
      channel.sum += value;
      channel.squares += value ** 2;
    });
  }
  return sums.map(({ count, sum, squares }) => {
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(squares / count - mean ** 2) };
  });
}

const squaredError = async (model: Model, plan: Plan, feeds: readonly Feed[]) => {
  const quantized = emitModel(model, plan).model;
  let error = 0;
  for (const feed of feeds) {
    const a = (await runIn('disabled', model, feed)).get('y')?.data as Float32Array;
    const b = (await runIn('disabled', quantized, feed)).get('y')?.data as Float32Array;
    a.forEach((value, i) => {
      error += (value - (b[i] as number)) ** 2;
    });
  }
  return error;
};

describe('moments', () => {
  it('gives each channel of the written model the mean of the float one, and its deviation within the clamp', async () => {
    const { model, feeds, plan, next } = await refined('moments');
    const [float, before, after] = [
      await channelsOf(model, feeds),
      await channelsOf(emitModel(model, plan).model, feeds),
      await channelsOf(emitModel(model, next).model, feeds),
    ];
    for (const [c, { mean, deviation }] of float.entries()) {
      const [was, is] = [before[c], after[c]];
      if (!was || !is) throw new Error('four channels');
      // The result is quantized to 8 bits, and the bias to int32 steps.
      expect(Math.abs(is.mean - mean)).toBeLessThan(0.02 * deviation);
      expect(Math.abs(is.deviation - deviation)).toBeLessThanOrEqual(
        Math.abs(was.deviation - deviation) + 0.02 * deviation,
      );
    }
    // At two bits the mean was off by more than that somewhere: the check above is not empty.
    const off = float.map(({ mean, deviation }, c) => Math.abs((before[c]?.mean ?? 0) - mean) / deviation);
    expect(Math.max(...off)).toBeGreaterThan(0.02);
  });

  it('leaves codes, and changes each scale by ¼ to 1.25', async () => {
    const { plan, next } = await refined('moments');
    for (const [id, weight] of plan.weights) {
      const other = next.weights.get(id) as AffineTensor;
      expect(other.codes).toEqual((weight as AffineTensor).codes);
      other.scales.forEach((scale, c) => {
        const factor = scale / (weight.scales[c] as number);
        expect(factor).toBeGreaterThanOrEqual(0.25 * (1 - 1e-6));
        expect(factor).toBeLessThanOrEqual(1.25 * (1 + 1e-6));
      });
    }
  });
});

it.each(['moments', 'second-order'])('%s leaves scales that are powers of two such', async (name) => {
  const { plan, next } = await refined(name, { bits: 3, allLayers: true, scheme: 'pow2' });
  const scales = [...next.weights.values()].flatMap((weight) => [...weight.scales]);
  expect(scales.filter((scale) => !Number.isInteger(Math.log2(scale)))).toEqual([]);
  // Something was refined.
  expect([...next.biases]).not.toEqual([...plan.biases]);
});

it.each(['moments', 'second-order'])('%s gives a MatMul without a bias the means of float', async (name) => {
  const net = new Net();
  net.input('x', [1, 6, 8]);
  const w = net.constant('w', [8, 4], randomFloats(32, 9));
  net.node('MatMul', [net.node('Relu', ['x'], 'r'), w], 'y');
  const model = finish(net, 'y');
  const feeds = Array.from({ length: 12 }, (_, i) => ({
    x: { type: 'float32' as const, dims: [1, 6, 8], data: randomFloats(48, 70 + i) },
  }));
  const { plan } = await quantizeModel(model, { bits: 2, allLayers: true, scheme: 'minmax' }, feeds);
  const sources = { ...context, model, source: sourceOf(feeds) };
  const next = await refinePlan(plan, [[{ name, settings: {} }]], refiners, sources);
  const meansOf = async (of: Model) => {
    const sums = [0, 0, 0, 0];
    for (const feed of feeds) {
      const y = (await runIn('disabled', of, feed)).get('y')?.data as Float32Array;
      y.forEach((value, i) => {
        sums[i % 4] = (sums[i % 4] as number) + value / 72;
      });
    }
    return sums;
  };
  const float = await meansOf(model);
  const off = (means: number[]) => Math.max(...means.map((mean, c) => Math.abs(mean - (float[c] as number))));
  const was = off(await meansOf(emitModel(model, plan).model));
  expect(was).toBeGreaterThan(0.02);
  expect(off(await meansOf(emitModel(model, next).model))).toBeLessThan(0.1 * was);
  // A second refiner stands on the bias that the first one gave.
  const again = await refinePlan(next, [[{ name: 'moments', settings: {} }]], refiners, sources);
  expect(off(await meansOf(emitModel(model, again).model))).toBeLessThan(0.1 * was);
});

it.each(['moments', 'second-order'])('%s leaves layers whose results are not finite', async (name) => {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.input('by', [1, 4, 8, 8]);
  const conv = net.conv(net.node('Div', ['x', 'by'], 'q'), 'a');
  const zero = net.scalar('zero', 0);
  net.node('Where', [net.node('IsNaN', [net.node('Relu', [conv], 'r')], 'n'), zero, 'r'], 'w');
  const model = finish(net, net.conv('w', 'y'));
  const feeds = Array.from({ length: 12 }, (_, i) => {
    const data = randomFloats(256, 40 + i);
    // 0/0 at one place: NaN in every result that reads it.
    const by = new Float32Array(256).fill(1);
    data[9] = by[9] = 0;
    const dims = [1, 4, 8, 8];
    return { x: { type: 'float32' as const, dims, data }, by: { type: 'float32' as const, dims, data: by } };
  });
  const recipe = { bits: 4, allLayers: true, activations: { kind: 'float' as const } };
  const { plan } = await quantizeModel(model, recipe, feeds);
  const sources = { ...context, model, source: sourceOf(feeds) };
  const next = await refinePlan(plan, [[{ name, settings: {} }]], refiners, sources);
  const [record] = next.refinements;
  expect(record?.blocks).toMatchObject([
    { id: 'a', left: expect.stringContaining('not finite') },
    { id: 'y' },
  ]);
  expect(record?.blocks[1]).not.toHaveProperty('left');
  const changedLayers = ['a', 'y'].filter(
    (id) => next.weights.get(`${id}#1`) !== plan.weights.get(`${id}#1`),
  );
  expect(changedLayers).toEqual(['y']);
});

/** x → Gemm "a" → Relu → Gemm → y, 32 columns each, and so many samples. */
function gemms(count: number, from: number): { model: Model; feeds: Feed[] } {
  const net = new Net();
  net.input('x', [1, 32]);
  net.node('Relu', [net.gemm('x', 'a', 32, 32)], 'r');
  const model = finish(net, net.gemm('r', 'y', 32, 8));
  const feeds = Array.from({ length: count }, (_, i) => ({
    x: { type: 'float32' as const, dims: [1, 32], data: randomFloats(32, from + i) },
  }));
  return { model, feeds };
}

it('second-order adds of 40 places what holds on others: all that it finds would be 4 times the error', async () => {
  const { model, feeds } = gemms(40, 100);
  const unseen = gemms(60, 1000).feeds;
  const { plan } = await quantizeModel(model, { bits: 8, allLayers: true, activations: { bits: 4 } }, feeds);
  const sources = { ...context, model, source: sourceOf(feeds) };
  const next = await refinePlan(plan, [[{ name: 'second-order', settings: {} }]], refiners, sources);
  const before = await squaredError(model, plan, unseen);
  expect(await squaredError(model, next, unseen)).toBeLessThan(1.3 * before);
});

describe('second order', () => {
  it.each(['minmax', 'kmeans'])('makes the outputs nearer to float than moments do, %s', async (scheme) => {
    const recipe = { bits: 2, allLayers: true, scheme };
    const { model, feeds, plan, next } = await refined('second-order', recipe);
    const { next: moments } = await refined('moments', recipe);
    const errors = [plan, moments, next].map((each) => squaredError(model, each, feeds));
    const [unrefined = 0, byMoments = 0, bySecondOrder = 0] = await Promise.all(errors);
    expect(bySecondOrder).toBeLessThan(byMoments);
    expect(bySecondOrder).toBeLessThan(unrefined);
  });

  it('fits matrices in blocks, which have no bias to take the mean', async () => {
    const net = new Net();
    net.input('x', [1, 6, 48]);
    const model = finish(
      net,
      net.node('MatMul', ['x', net.constant('w', [48, 8], randomFloats(384, 9))], 'y'),
    );
    // Inputs about 1: an error in the sum of a row of weights is one of every output.
    const feeds = Array.from({ length: 12 }, (_, i) => ({
      x: { type: 'float32' as const, dims: [1, 6, 48], data: randomFloats(288, 70 + i, 0, 2) },
    }));
    const recipe = {
      ...{ bits: 4, allLayers: true, scheme: 'mse', format: 'matmulnbits' as const },
      activations: { kind: 'float' as const },
    };
    const { plan } = await quantizeModel(model, recipe, feeds);
    const sources = { ...context, model, source: sourceOf(feeds) };
    const errors = [await squaredError(model, plan, feeds)];
    for (const name of ['moments', 'second-order']) {
      const next = await refinePlan(plan, [[{ name, settings: {} }]], refiners, sources);
      errors.push(await squaredError(model, next, feeds));
    }
    const [unrefined = 0, byMoments = 0, bySecondOrder = 0] = errors;
    expect(bySecondOrder).toBeLessThan(0.5 * Math.min(unrefined, byMoments));
  });

  it.each([
    [2, 'kmeans'],
    [8, 'minmax'],
  ])('gives weights whose sums saturate nowhere by itself, %i bits %s', async (bits, scheme) => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    // Weights of one sign: neighbours add up to twice the largest.
    const w = net.constant('w', [4, 4, 3, 3], randomFloats(144, 9, 0.5, 1));
    net.node('Conv', ['x', w], 'y', { kernel_shape: [3, 3] });
    const model = finish(net, 'y');
    const { feeds } = chain();
    const { plan } = await quantizeModel(model, { bits, scheme, allLayers: true }, feeds);
    const sources = { ...context, settings: {}, model, source: sourceOf(feeds) };
    const { change } = await secondOrder.refine(plan, sources);
    const [weighted] = plan.placement.weighted;
    const pairing = weighted && pairingIn(plan, weighted);
    if (!pairing) throw new Error('its sums can saturate');
    const weight = change.weights?.get('y#1') as QuantizedTensor;
    expect(saturatingPairs(integersOfTensor(weight), pairing)).toBe(0);
    // It was not so by chance: codes of the whole range would.
    expect(saturatingPairs(new Int8Array(144).fill(127), pairing)).toBeGreaterThan(0);
  });

  it('changes codes alone where it is told so', async () => {
    const { model, feeds, plan } = await refined('moments', { bits: 2, allLayers: true, scheme: 'kmeans' });
    const sources = { ...context, model, source: sourceOf(feeds) };
    const fitted = async (levels: number) => {
      const { change } = await secondOrder.refine(plan, { ...sources, settings: { levels } });
      return change.weights?.get('y#1') as QuantizedTensor;
    };
    const [codes, levels, usual] = [
      await fitted(0),
      await fitted(3),
      await secondOrder.refine(plan, { ...sources, settings: {} }),
    ];
    expect(levels).toEqual(usual.change.weights?.get('y#1'));
    expect(codes).not.toEqual(levels);
  });

  it('gives the same numbers twice', async () => {
    const [a, b] = [await refined('second-order'), await refined('second-order')];
    expect(a.next.weights).toEqual(b.next.weights);
    expect(a.next.biases).toEqual(b.next.biases);
  });

  it('leaves the float model as it is', async () => {
    const { model } = await refined('second-order');
    const { model: untouched } = chain();
    for (const [name, tensor] of untouched.graph.initializers)
      expect(floatsOf(model.graph.initializers.get(name) ?? tensor)).toEqual(floatsOf(tensor));
  });
});

describe('the command', () => {
  const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--quiet', '--json'];
  const measured = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];

  async function run(refine: string) {
    const output = join(temporaryFolder(), 'm.onnx');
    const recipe = ['--bits', '2', '--scheme', 'kmeans', '--refine', refine, '-o', output];
    const outcome = await runCommand(example('digits.onnx'), ...data, ...measured, ...recipe);
    expect(outcome).toMatchObject({ code: 0 });
    return {
      result: JSON.parse(outcome.stdout) as Result,
      bytes: statSync(output).size,
      file: readFileSync(output),
    };
  }

  it('refines where it is asked to: better outputs, no byte more, the same bytes again', async () => {
    const [none, refinedOnce, again] = [
      await run('none'),
      await run('second-order'),
      await run('second-order'),
    ];
    expect(none.result.refinements).toEqual([]);
    const [record] = refinedOnce.result.refinements;
    expect(record).toMatchObject({ name: 'second-order', kept: true });
    expect(record?.after).toBeLessThan(record?.before ?? 0);
    const drift = (result: Result) => result.outputs[0]?.deployed.sqnrDb ?? 0;
    expect(drift(refinedOnce.result)).toBeGreaterThan(drift(none.result));
    // Names of biases that the model did not have, and the recipe's own words.
    expect(Math.abs(refinedOnce.bytes - none.bytes)).toBeLessThan(600);
    expect(refinedOnce.file.equals(again.file)).toBe(true);
  });

  it.each([
    ['nothing', 'does not know "nothing"'],
    ['moments:x=1', 'moments can only be told samples=…'],
    // A block has nothing inside that hints would be of.
    ['reconstruct:hints=3', 'has "hints=3", but reconstruct can only be told'],
  ])('refuses --refine %s', async (refine, problem) => {
    const outcome = await runCommand(example('digits.onnx'), ...data, '--refine', refine);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain(problem);
  });

  it('needs samples', async () => {
    const outcome = await runCommand(example('digits.onnx'), '--bits', '4', '--refine', 'moments');
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('--refine needs samples');
  });
});
