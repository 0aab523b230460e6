import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataType } from '../../src/graph/data-type.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';
import { npyBytes } from './npy.js';
import { temporaryFolder } from './temporary-folder.js';

const DIMS = [1, 4, 6, 6];
const ELEMENTS = 144;

type Part = (g: GraphBuilder) => void;

/** A graph without inputs, as the body of an If; what is not float32 is a list of one. */
export function branch(result: string, part: Part, dataType: DataType = 'float32') {
  const g = new GraphBuilder();
  part(g);
  g.output(result, dataType === 'float32' ? DIMS : [1], dataType);
  return { kind: 'graph', value: g.graph } as const;
}

/** A Conv of the value named, its weights so many times larger. */
export function conv(g: GraphBuilder, from: string, to: string, seed: number, gain = 1): string {
  g.constant(`${to}_w`, [4, 4, 3, 3], randomFloats(ELEMENTS, seed, -gain / 3, gain / 3));
  return g.node('Conv', [from, `${to}_w`], to, { pads: [1, 1, 1, 1] });
}

/** An If by "c": a Conv where it holds, one of thirty times larger weights where it does not. */
export const unlikeBranches = (g: GraphBuilder, from: string, to: string, gain = 30) =>
  g.node('If', ['c'], to, {
    then_branch: branch(`${to}_t`, (inner) => conv(inner, from, `${to}_t`, 1)),
    else_branch: branch(`${to}_e`, (inner) => conv(inner, from, `${to}_e`, 2, gain)),
  });

/** x [1, 4, 6, 6] → c, whether its mean is above 0 → the part, which makes "z" → Conv "a" → Relu → Conv "y". */
export function behind(part: Part) {
  const g = new GraphBuilder();
  g.input('x', DIMS);
  g.constant('zero', [], [0]);
  g.node('ReduceMean', ['x'], 'mean', { keepdims: 0 });
  g.node('Greater', ['mean', 'zero'], 'c');
  part(g);
  conv(g, 'z', 'a', 3);
  g.node('Relu', ['a'], 'r');
  conv(g, 'r', 'y', 4);
  g.output('y', DIMS);
  return g.build();
}

const sample = (seed: number, sign: number) => randomFloats(ELEMENTS, seed, -1, 1).map((x) => x + 0.4 * sign);

const feedsOf = (seeds: readonly number[]) =>
  seeds.map((seed) => ({ x: { type: 'float32' as const, dims: DIMS, data: sample(seed, -1) } }));

/** Feeds whose mean is below 0, which the samples of `one.npy` are not. */
export const otherFeeds = () => feedsOf([101, 102, 103, 104]);

/** Those of `rare.npy` whose mean is below 0. */
export const rareFeeds = () => feedsOf([19, 39, 59, 79]);

/** Such a model in a folder, with samples of one kind (`one.npy`), of both (`both.npy`), and one of twenty of the other (`rare.npy`). */
export function branchFiles(part: Part): (name: string) => string {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('float.onnx'), encodeModel(behind(part)));
  const samples = (sign: (index: number) => number, length = 32) => {
    const all = Array.from({ length }, (_, i) => [...sample(i, sign(i))]).flat();
    return npyBytes('<f4', [length, ...DIMS.slice(1)], Float32Array.from(all));
  };
  writeFileSync(
    at('one.npy'),
    samples(() => 1),
  );
  writeFileSync(
    at('both.npy'),
    samples((i) => (i % 2 === 0 ? 1 : -1)),
  );
  writeFileSync(
    at('rare.npy'),
    samples((i) => (i % 20 === 19 ? -1 : 1), 80),
  );
  return at;
}
