import { describe, expect, it } from 'vitest';
import { exposing, withSequenceFirst } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import { withModel } from '../../src/load/with-model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { ReusedResults } from '../../src/runtime/reused-results.js';
import type { Session } from '../../src/runtime/session.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';

/** r = max(x, 0), n = where x is not 0, s = the sum, b = whether r is above 1, y = 2r. */
function net(opset = 17): Model {
  const g = new GraphBuilder();
  g.input('x', ['n']);
  g.constant('zero', [], [0]);
  g.constant('one', [], [1]);
  g.constant('two', [], [2]);
  g.constant('half', [1], [0.5]);
  g.node('Max', ['x', 'zero'], 'r');
  g.node('NonZero', ['x'], 'n');
  g.node('ReduceSum', ['x'], 's');
  g.node('Greater', ['r', 'one'], 'b');
  g.node('Identity', ['half'], 'c');
  g.node('Mul', ['r', 'two'], 'y');
  g.output('y', ['n']);
  return exposing(g.build({ opset }), ['r', 'n', 's', 'b', 'c']);
}

const feedOf = (...values: number[]): Feed => ({
  x: { type: 'float32', dims: [values.length], data: Float32Array.from(values) },
});
const opened = <T>(work: (session: Session) => Promise<T>, model = withSequenceFirst(net())) =>
  withModel(model, { mode: 'basic', threads: 1 }, work);
const plain = (results: ReadonlyMap<string, NdArray>, names: readonly string[]) =>
  names.map((name) => numbersOf(results.get(name)));

describe('results that are written where those of the run before were', () => {
  it('are those of the feed, in the same arrays', async () => {
    await opened(async (session) => {
      expect(session.canRunInto).toBe(true);
      const results = new ReusedResults(session, ['r', 'y', 's', 'b', 'c']);
      const first = await results.run(feedOf(1, -2, 3));
      const [r, y] = [first.get('r')?.data, first.get('y')?.data];
      expect(numbersOf(first.get('y'))).toEqual([2, 0, 6]);
      const second = await results.run(feedOf(-1, 5, 0.25));
      expect(plain(second, ['r', 'y', 's', 'b', 'c'])).toEqual([
        [0, 5, 0.25],
        [0, 10, 0.5],
        [4.25],
        [0, 1, 0],
        [0.5],
      ]);
      expect(second.get('r')?.data).toBe(r);
      expect(second.get('y')?.data).toBe(y);
    });
  });

  it('are new where a feed has another shape', async () => {
    await opened(async (session) => {
      const results = new ReusedResults(session, ['r', 'y']);
      const first = await results.run(feedOf(1, -2, 3));
      const kept = first.get('y')?.data;
      for (const size of [4, 2, 0, 3, 3]) {
        const values = Array.from({ length: size }, (_, i) => i - 1);
        const made = await results.run(feedOf(...values));
        expect(numbersOf(made.get('y'))).toEqual(values.map((x) => 2 * Math.max(x, 0)));
      }
      expect(Array.from(kept as Float32Array)).toEqual([2, 0, 6]);
    });
  });

  it('are new where the shape of one hangs on what is fed', async () => {
    await opened(async (session) => {
      const results = new ReusedResults(session, ['n', 'r']);
      const feeds = [
        [1, 0, 1],
        [0, 0, 1],
        [1, 1, 1],
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [2, 2, 0],
      ];
      for (const values of feeds) {
        const made = await results.run(feedOf(...values));
        expect(numbersOf(made.get('n'))).toEqual(values.flatMap((x, i) => (x === 0 ? [] : [i])));
        expect(numbersOf(made.get('r'))).toEqual(values);
      }
    });
  });

  it('are the same whether they look like what was not written or not', async () => {
    const mark = new Float32Array(Uint8Array.of(0xa5, 0xa5, 0xa5, 0xa5).buffer)[0] as number;
    await opened(async (session) => {
      const results = new ReusedResults(session, ['s', 'r']);
      for (const values of [
        [1, 2],
        [mark, 0],
        [mark, mark],
        [3, mark],
      ]) {
        const sum = Math.fround((values[0] as number) + (values[1] as number));
        expect(numbersOf((await results.run(feedOf(...values))).get('s'))).toEqual([sum]);
      }
    });
  });

  it('are new where the runtime writes nothing', async () => {
    const made = (value: number) =>
      new Map([['y', { type: 'float32', dims: [2], data: Float32Array.of(value, value) } as const]]);
    let runs = 0;
    const idle = {
      canRunInto: true,
      run: async () => made(++runs),
      runInto: async () => true,
    } as unknown as Session;
    const results = new ReusedResults(idle, ['y']);
    for (const wanted of [1, 2, 3])
      expect(numbersOf((await results.run(feedOf(0))).get('y'))).toEqual([wanted, wanted]);
  });

  it('are those of the values asked for where others are called as what objects inherit', async () => {
    const g = new GraphBuilder();
    g.input('valueOf', ['n']);
    g.constant('two', [], [2]);
    const names = ['constructor', 'hasOwnProperty', '__proto__', 'toString', 'y'];
    let last = 'valueOf';
    for (const name of names) last = g.node('Mul', [last, 'two'], name);
    g.output('y', ['n']);
    const model = exposing(g.build(), names);
    for (const [each, isReused] of [
      [withSequenceFirst(model), true],
      [model, false],
    ] as const)
      await opened(async (session) => {
        for (const [i, name] of names.entries()) {
          const results = new ReusedResults(session, [name]);
          const run = (x: number) =>
            results.run({ valueOf: { type: 'float32' as const, dims: [1], data: Float32Array.of(x) } });
          const first = await run(1);
          expect([...first.keys()]).toEqual([name]);
          const array = first.get(name);
          expect(numbersOf(array)).toEqual([2 ** (i + 1)]);
          const second = await run(3);
          expect(numbersOf(second.get(name))).toEqual([3 * 2 ** (i + 1)]);
          expect(second.get(name) === array).toBe(isReused);
        }
      }, each);
  });

  it.each([
    ['no output is a sequence', net()],
    ['operators know no sequences', withSequenceFirst(net(10))],
  ])('are new where %s', async (_, model) => {
    await opened(async (session) => {
      expect(session.canRunInto).toBe(false);
      const results = new ReusedResults(session, ['y']);
      const first = await results.run(feedOf(1, 2));
      expect(numbersOf((await results.run(feedOf(3, 4))).get('y'))).toEqual([6, 8]);
      expect(numbersOf(first.get('y'))).toEqual([2, 4]);
    }, model);
  });

  it('end in the reason of the runtime where a run fails', async () => {
    await opened(async (session) => {
      const results = new ReusedResults(session, ['y']);
      await results.run(feedOf(1, 2));
      const odd: Feed = { x: { type: 'float64', dims: [2], data: Float64Array.of(1, 2) } };
      await expect(results.run(odd)).rejects.toThrow(/float/);
      expect(numbersOf((await results.run(feedOf(3, 4))).get('y'))).toEqual([6, 8]);
    });
  });
});
