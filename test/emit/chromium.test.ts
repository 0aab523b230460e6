import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raisedFor } from '../../src/emit/raise-opset.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { findBrowser, Page } from '../support/browser.js';
import { classifier, finish, Net } from '../support/nets.js';
import { quantizeModel, randomFeeds } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

const browser = findBrowser();
const reason = browser ? '' : ' (skipped: no Chromium on the PATH, nor at CHROME_PATH)';
const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

/** A graphics processor in software, where the browser brings one. */
const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/** What the page asks for: models, by their names. */
const models = new Map<string, Uint8Array>();
let server: Server;
let page: Page;
let hasGpu = false;

beforeAll(async () => {
  if (!browser) return;
  server = createServer(async (request, response) => {
    const path = (request.url ?? '/').slice(1);
    const types: Readonly<Record<string, string>> = { mjs: 'text/javascript', wasm: 'application/wasm' };
    const type = types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    const model = models.get(path);
    const isPage = path === '';
    const found =
      model ??
      (isPage ? '<!doctype html>' : await readFile(join(dist, basename(path))).catch(() => undefined));
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': isPage ? 'text/html' : type });
    response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  page = await Page.open(browser, SOFTWARE_GPU);
  await page.load(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  hasGpu = await page.evaluate<boolean>('navigator.gpu?.requestAdapter().then((found) => !!found) ?? false');
}, 60_000);

afterAll(async () => {
  await page?.close();
  server?.close();
});

/** What a model of one output gives in the page. */
async function runInPage(bytes: Uint8Array, feed: Feed, provider: 'wasm' | 'webgpu'): Promise<number[]> {
  models.set('model.onnx', bytes);
  const inputs = Object.entries(feed).map(([name, { dims, data }]) => ({
    name,
    dims,
    data: [...data].map(Number),
  }));
  const found = await page.evaluate<{ data?: number[]; error?: string }>(`(async () => {
    const ort = await import('/ort.${provider === 'wasm' ? 'wasm' : 'webgpu'}.min.mjs');
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create('/model.onnx', { executionProviders: ['${provider}'] });
    const feed = {};
    for (const { name, dims, data } of ${JSON.stringify(inputs)})
      feed[name] = new ort.Tensor('float32', Float32Array.from(data), dims);
    const results = await session.run(feed);
    const [output] = Object.values(results);
    const data = Array.from(await output.getData());
    await session.release();
    return { data };
  })().catch((thrown) => ({ error: String(thrown) }))`);
  if (!found.data) throw new Error(found.error);
  return found.data;
}

function matrices(): Model {
  const net = new Net();
  net.input('x', [3, 64]);
  net.matMul(net.node('Relu', [net.matMul('x', 'h', 64, 32)], 'r'), 'y', 32, 4);
  return finish(net, 'y');
}

const inner = { allLayers: true } as const;
const alone = { ...inner, activations: { kind: 'float' } } as const;
const blocks = { size: 16, asymmetric: false, accuracyLevel: 0 };

/** The files, and how far from node's results they may be: 0 to the bit; level 4 of blocks quantizes inputs to 8 bits. */
const files: readonly [name: string, model: () => Model, recipe: GivenRecipe, most: number][] = [
  ['8 bits', classifier, {}, 0],
  ['4 bits, packed', classifier, { ...inner, bits: 4 }, 0],
  ['2-bit codebooks', classifier, { ...inner, bits: 2, scheme: 'kmeans' }, 0],
  ['ranges found at every run', matrices, { activations: { kind: 'dynamic' } }, 0],
  ['MatMulNBits of 4 bits', matrices, { ...alone, bits: 4, format: 'matmulnbits', blocks }, 1e-5],
  ['MatMulNBits of 8 bits', matrices, { ...alone, bits: 8, format: 'matmulnbits', blocks }, 1e-5],
  ['MatMulNBits of 2 bits', matrices, { ...alone, bits: 2, format: 'matmulnbits', blocks }, 1e-5],
  ['blocks of DequantizeLinear', matrices, { ...alone, bits: 4, format: 'qdq-blocks', blocks }, 0.05],
  [
    'the same with zero points',
    matrices,
    { ...alone, bits: 4, format: 'qdq-blocks', blocks: { ...blocks, asymmetric: true } },
    0.05,
  ],
];

async function expectSame(
  [, model, recipe, most]: (typeof files)[number],
  provider: 'wasm' | 'webgpu',
): Promise<void> {
  const built = model();
  const { emitted, plan, feeds } = await quantizeModel(built, recipe, randomFeeds(built));
  const bytes = encodeModel(raisedFor(emitted.model, plan.recipe, ''));
  const [feed] = feeds as [Feed];
  const found = await runInPage(bytes, feed, provider);
  const expected = Array.from((await runIn('default', bytes, feed)).get('y')?.data ?? [], Number);
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(most);
  });
}

describe.skipIf(!browser)(`headless Chromium gives what Node gives${reason}`, () => {
  it.each(files.map((file) => [file[0], file] as const))('by WebAssembly: %s', (_, file) =>
    expectSame(file, 'wasm'),
  );

  // Shaders of convolutions take seconds to compile in software: those of blocks stand for all.
  it.each(
    files
      .filter(([, , { format, bits }]) => format === 'qdq-blocks' || (format && bits === 4))
      .map((file) => [file[0], file] as const),
  )('by WebGPU: %s', async (_, file) => {
    if (!hasGpu) return;
    await expectSame(file, 'webgpu');
  });
});
