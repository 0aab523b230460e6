import { describe, expect, it, vi } from 'vitest';
import type { BlockRequest } from '../../src/quantize/blocks.js';
import type { Scheme, WeightRequest } from '../../src/quantize/schemes/scheme.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { quantizeTask } from '../../src/quantize/weight-task.js';
import { type WeightThreads, WeightWorkers } from '../../src/quantize/weight-workers.js';
import { normalFloats, weightRequest } from '../support/weight-request.js';

/** Large enough for parts: channels of 8,192 weights along either axis, the last part smaller. */
const values = normalFloats(37 * 500, 5).map((w, i) => (i % 997 === 0 ? 4 * w : w));
const outFirst: Partial<WeightRequest> = { dims: [37, 500], axis: 0 };
const outLast: Partial<WeightRequest> = { dims: [500, 37], axis: 1 };
const threads: WeightThreads = { threads: 2, patienceMs: 0, partWeights: 8192 };

const named = (name: string) => schemes.find((scheme) => scheme.name === name) as Scheme;

async function quantize(scheme: Scheme, request: WeightRequest, options: WeightThreads, all = schemes) {
  const workers = new WeightWorkers(all, values.length, options);
  try {
    return await workers.quantize(scheme, request);
  } finally {
    await workers.close();
  }
}

describe('weights in threads', () => {
  it.each([
    ['mse', outFirst, 4],
    ['mse', { dims: [37 * 500], axis: undefined }, 4],
    ['log', outLast, 3],
    ['auto', { ...outFirst, channelsPerCodebook: undefined }, 4],
    ['kmeans', { ...outFirst, channelsPerCodebook: 1 }, 2],
    ['kmeans', { ...outLast, channelsPerCodebook: 5 }, 2],
    ['wentropy', { ...outFirst, channelsPerCodebook: 1 }, 2],
  ] as const)('%s %j in %i bits is the same as in one piece', async (name, shape, bits) => {
    const count = shape.axis === undefined ? 1 : 37;
    const scaleFloor = Float32Array.from({ length: count }, (_, c) => (c % 5 === 0 ? 0.4 + c / 50 : 0));
    const request = { ...weightRequest(values, { ...shape, bits }), scaleFloor };
    const scheme = named(name);
    const whole = scheme.quantize(request);
    expect(await quantize(scheme, request, threads)).toEqual(whole);
    expect(await quantize(scheme, request, { ...threads, threads: 1 })).toEqual(whole);
    // What was asked for is still there: nothing of the model's was given away.
    expect(request.values).toHaveLength(values.length);
  });

  it.each([0, 1])('blocks along axis %i are the same as in one piece', async (axis) => {
    const dims = axis === 0 ? [37, 500] : [500, 37];
    const block = { bits: 4, scheme: 'minmax', size: 48, asymmetric: true };
    const request: BlockRequest = { values, dims, axis, ...block };
    const workers = new WeightWorkers(schemes, values.length, threads);
    expect(await workers.quantizeBlocks(request)).toEqual(quantizeTask({ kind: 'blocks', request }, schemes));
    await workers.close();
  });

  it('begins none for what is done soon, and none that does not know a scheme', async () => {
    const spy = vi.fn(named('minmax').quantize);
    const request = weightRequest(values, { ...outFirst, bits: 8 });
    const own: Scheme = { ...named('minmax'), name: 'own', quantize: spy };
    await quantize(own, request, threads, [own]);
    // Parts of 16 channels: all of them on this thread.
    expect(spy).toHaveBeenCalledTimes(3);
  });

  it('does on this thread what the threads do not come to do', async () => {
    const request = weightRequest(values, { ...outFirst, bits: 4 });
    const workers = new WeightWorkers(schemes, values.length, threads);
    const made = workers.quantize(named('mse'), request);
    // They are started after the first part: they end before they have answered.
    await new Promise(setImmediate);
    await workers.endThreads();
    expect(await made).toEqual(named('mse').quantize(request));
    await workers.close();
  });

  it('hands on what the scheme throws, and what the pause does', async () => {
    const failing: Scheme = {
      ...named('mse'),
      quantize() {
        throw new Error('cannot');
      },
    };
    const request = weightRequest(values, { ...outFirst, bits: 4 });
    await expect(quantize(failing, request, threads, [failing])).rejects.toThrow('cannot');
    let parts = 0;
    const pause = async () => {
      if (++parts > 2) throw new Error('stopped');
    };
    await expect(quantize(named('mse'), request, { ...threads, pause })).rejects.toThrow('stopped');
  });
});
