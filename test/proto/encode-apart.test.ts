import { expect, test } from 'vitest';
import { encodeModel } from '../../src/proto/encode.js';
import { encodeApart } from '../../src/proto/encode-apart.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';

/** A weight of 64 KiB and one byte-sized. */
function net() {
  const g = new Net();
  g.input('x', ['n', 64]);
  return finish(g, g.gemm(g.gemm('x', 'large', 64, 256), 'y', 256, 2));
}

const settings = { mode: 'basic', threads: 1 } as const;

test('large constants stand apart, and the runtime finds them', async () => {
  const model = net();
  const parts = encodeApart(model);
  expect([...parts.files.values()].map((bytes) => bytes.byteLength)).toEqual([4 * 64 * 256]);
  expect(parts.bytes.byteLength).toBeLessThan(8192);
  const feed = randomFeed('x', [1, 64], 1);
  const apart = await withSession(parts, settings, (session) => session.run(feed));
  const whole = await withSession(encodeModel(model), settings, (session) => session.run(feed));
  expect(apart).toEqual(whole);
});

test('they are the bytes of the model itself, which stays as it was', () => {
  const model = net();
  const before = encodeModel(model);
  const [file] = encodeApart(model).files.values();
  const { storage } = model.graph.initializers.get('large_weight') ?? expect.fail();
  expect(storage.kind === 'raw' && storage.bytes).toBe(file);
  expect(Buffer.compare(encodeModel(model), before)).toBe(0);
});

test('constants of a branch stay inside, where the runtime looks for them', async () => {
  const branch = (name: string) => {
    const g = new GraphBuilder();
    g.constant(name, [64, 300], new Float32Array(64 * 300).fill(0.5));
    g.output(g.node('MatMul', ['x', name], `${name}_y`));
    return { kind: 'graph', value: g.graph } as const;
  };
  const g = new GraphBuilder();
  g.input('x', ['n', 64]);
  g.input('c', [], 'bool');
  g.node('If', ['c'], 'y', { then_branch: branch('a'), else_branch: branch('b') });
  g.output('y');
  const parts = encodeApart(g.build());
  expect(parts.files.size).toBe(0);
  const feed = {
    ...randomFeed('x', [1, 64], 1),
    c: { type: 'bool', dims: [], data: Uint8Array.of(1) },
  } as const;
  const outputs = await withSession(parts, settings, (session) => session.run(feed));
  expect(outputs.get('y')?.dims).toEqual([1, 300]);
});
