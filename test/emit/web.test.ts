import * as web from 'onnxruntime-web';
import { beforeAll, describe, expect, it } from 'vitest';
import { bodyConstants } from '../../src/fold/body-constants.js';
import { foldModel } from '../../src/fold/fold-model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { bodyFeed, gemmLayer, ifModel, matMulLayer } from '../support/body-models.js';
import { classifier, finish, Net } from '../support/nets.js';
import { quantizeModel, randomFeeds } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

beforeAll(() => {
  web.env.wasm.numThreads = 1;
});

/** All outputs of a model in the WebAssembly build of onnxruntime. */
async function runInWeb(bytes: Uint8Array, feed: Feed): Promise<Map<string, ArrayLike<unknown>>> {
  const session = await web.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  const tensors = Object.entries(feed).map(([name, { type, dims, data }]) => [
    name,
    new web.Tensor(type as 'float32', data as Float32Array, dims),
  ]);
  const found = await session.run(Object.fromEntries(tensors));
  await session.release();
  return new Map(Object.entries(found).map(([name, { data }]) => [name, data as ArrayLike<unknown>]));
}

const inner = { allLayers: true } as const;

describe('onnxruntime-web gives what onnxruntime gives, to the bit', () => {
  it.each<[string, GivenRecipe]>([
    ['8 bits', {}],
    ['plain int8', { ...inner, bits: 4, format: 'qdq-int8' }],
    ['4 bits, packed', { ...inner, bits: 4 }],
    ['3 bits in words', { ...inner, bits: 3 }],
    ['2-bit codebooks', { ...inner, bits: 2, scheme: 'kmeans' }],
    ['4-bit activations', { ...inner, activations: { bits: 4 } }],
    ['4-bit activations by a table', { ...inner, activations: { bits: 4, levels: 'log' } }],
  ])('%s', async (_, recipe) => {
    const { bytes, feeds } = await quantizeModel(classifier(), recipe);
    await expectSame(bytes, feeds);
  });

  it('ranges found at every run', async () => {
    const net = new Net();
    net.input('x', [2, 16]);
    net.matMul(net.node('Relu', [net.matMul('x', 'h', 16, 16)], 'r'), 'y', 16, 4);
    const model = finish(net, 'y');
    const { bytes, feeds } = await quantizeModel(
      model,
      { activations: { kind: 'dynamic' } },
      randomFeeds(model),
    );
    await expectSame(bytes, feeds);
  });

  it('layers in the branches of an If, on integers', async () => {
    const model = ifModel([matMulLayer, gemmLayer]);
    await foldModel(model, undefined, [bodyConstants]);
    const feeds = [bodyFeed(true), bodyFeed(false)];
    for (const recipe of [{ activations: { kind: 'dynamic' } }, { target: 'onnxruntime-web' }] as const) {
      const { bytes, placement } = await quantizeModel(model, recipe, feeds);
      expect(placement.weighted.map(({ runs }) => runs.kind)).not.toContain('float');
      await expectSame(bytes, feeds);
    }
  });
});

async function expectSame(bytes: Uint8Array, feeds: readonly Feed[]): Promise<void> {
  for (const feed of feeds) {
    const found = await runInWeb(bytes, feed);
    for (const [name, { data }] of await runIn('default', bytes, feed))
      expect(Array.from(found.get(name) ?? [])).toEqual(Array.from(data as ArrayLike<unknown>));
  }
}
