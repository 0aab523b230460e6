import { describe, expect, it, test } from 'vitest';
import { exposing } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

test('inner values become outputs, once each, and the model stays as it was', async () => {
  const g = new GraphBuilder();
  g.input('x', [3]);
  g.node('Relu', ['x'], 'a');
  g.node('Neg', ['a'], 'y');
  g.output('y', [3]);
  const model = g.build();
  const exposed = exposing(model, ['a', 'y', 'a']);
  expect(model.graph.outputs.map((output) => output.name)).toEqual(['y']);
  const x = { type: 'float32', dims: [3], data: Float32Array.of(-1, 2, 3) } as const;
  const outputs = await runIn('disabled', exposed, { x });
  expect([...outputs.keys()]).toEqual(['y', 'a']);
  expect(numbersOf(outputs.get('a'))).toEqual([0, 2, 3]);
});

const graphOf = ({ graph }: GraphBuilder) => ({ kind: 'graph', value: graph }) as const;
const numbers = (array: NdArray | undefined): number[] => Array.from(array?.data ?? [], Number);

/** A Loop of `steps` steps: state + 1 → "sum" → at odd steps ·2 → "twice"; each step gives the sum, too. */
function loop(steps: bigint, size: number): Model {
  const g = new GraphBuilder();
  g.input('x', [size]);
  g.constant('steps', [], BigInt64Array.of(steps));
  g.constant('one', [], [1]);
  g.constant('two', [], BigInt64Array.of(2n));
  const body = new GraphBuilder();
  body.input('i', [], 'int64');
  body.input('on', [], 'bool');
  body.input('state', [size]);
  body.node('Identity', ['on'], 'on_out');
  body.node('Add', ['state', 'one'], 'sum');
  body.node('Mod', ['i', 'two'], 'odd');
  body.node('Cast', ['odd'], 'is_odd', { to: 9 });
  const then = new GraphBuilder();
  then.node('Add', ['sum', 'sum'], 'twice');
  then.output('twice');
  const other = new GraphBuilder();
  other.node('Identity', ['sum'], 'same');
  other.output('same');
  body.node('If', ['is_odd'], 'next', { then_branch: graphOf(then), else_branch: graphOf(other) });
  body.node('Identity', ['sum'], 'given');
  body.output('on_out', [], 'bool');
  body.output('next', [size]);
  body.output('given', [size]);
  g.node('Loop', ['steps', '', 'x'], ['y', 'all'], { body: graphOf(body) });
  g.output('y');
  g.output('all');
  return g.build();
}

const feed = (data: Float32Array): Feed => ({ x: { type: 'float32', dims: [data.length], data } });

describe('values of a Loop', () => {
  it('come step after step, those of a branch from the steps that take it, beside its own results', async () => {
    const found = await runIn(
      'basic',
      exposing(loop(4n, 2), ['sum', 'state', 'twice', 'same']),
      feed(Float32Array.of(0, 1)),
    );
    // By hand: 0 → 1; 1 → 2 → 4; 4 → 5; 5 → 6 → 12, and with 1 for 0 the same.
    expect(numbers(found.get('sum'))).toEqual([1, 2, 2, 3, 5, 7, 6, 8]);
    expect(numbers(found.get('state'))).toEqual([0, 1, 1, 2, 4, 6, 5, 7]);
    expect(numbers(found.get('twice'))).toEqual([4, 6, 12, 16]);
    expect(numbers(found.get('same'))).toEqual([1, 2, 5, 7]);
    expect(numbers(found.get('y'))).toEqual([12, 16]);
    expect(found.get('all')?.dims).toEqual([4, 2]);
    expect(numbers(found.get('all'))).toEqual([1, 2, 2, 3, 5, 7, 6, 8]);
  });

  it('are none without a step', async () => {
    const found = await runIn('basic', exposing(loop(0n, 2), ['sum', 'twice']), feed(Float32Array.of(0, 1)));
    expect(numbers(found.get('sum'))).toEqual([]);
    expect(numbers(found.get('twice'))).toEqual([]);
    expect(numbers(found.get('y'))).toEqual([0, 1]);
  });

  it('are those of the last 8 steps of long ones, and the ends of all before', async () => {
    const [steps, size] = [12, 20_000];
    const states = [randomFloats(size, 3)];
    (states[0] as Float32Array)[7] = -100;
    for (let step = 0; step + 1 < steps; step++)
      states.push(
        (states[step] as Float32Array).map((x) => (step % 2 === 0 ? x + 1 : Math.fround(x + 1) * 2)),
      );
    const all = states.flatMap((state) => [...state]);
    const [before, last] = [all.slice(0, 4 * size), all.slice(4 * size)];
    const exposed = exposing(loop(BigInt(steps), size), ['state']);
    const found = numbers((await runIn('basic', exposed, feed(states[0] as Float32Array))).get('state'));
    const ends = [before.reduce((a, b) => Math.min(a, b)), before.reduce((a, b) => Math.max(a, b))];
    expect(found.slice(0, 2)).toEqual(ends);
    expect(Float64Array.from(found.slice(2))).toEqual(Float64Array.from(last));
  });
});

it('values of a Scan come with the ends of each step and elements spread over it, whatever its size', async () => {
  const g = new GraphBuilder();
  g.input('x', [4]);
  g.constant('sizes', [3, 1], BigInt64Array.of(4n, 0n, 2n));
  g.constant('zero', [1], BigInt64Array.of(0n));
  const body = new GraphBuilder();
  body.input('state', [4]);
  body.input('size', [1], 'int64');
  body.node('Slice', ['state', 'zero', 'size'], 'part');
  body.node('Add', ['state', 'state'], 'next');
  body.node('Neg', ['state'], 'less');
  body.output('next', [4]);
  body.output('less', [4]);
  const attributes = { body: graphOf(body), num_scan_inputs: 1, scan_output_axes: [1] };
  g.node('Scan', ['x', 'sizes'], ['y', 'all'], attributes);
  g.output('y');
  g.output('all');
  const found = await runIn(
    'basic',
    exposing(g.build(), ['state', 'part']),
    feed(Float32Array.of(1, -2, 3, 4)),
  );
  // Each of four elements 256 times.
  const seen = (row: readonly number[]) => [
    ...row.flatMap((value) => Array(1024 / row.length).fill(value)),
    Math.min(...row),
    Math.max(...row),
  ];
  expect(numbers(found.get('state'))).toEqual(
    [
      [1, -2, 3, 4],
      [2, -4, 6, 8],
      [4, -8, 12, 16],
    ].flatMap(seen),
  );
  expect(numbers(found.get('part'))).toEqual([[1, -2, 3, 4], [0], [4, -8]].flatMap(seen));
  expect(numbers(found.get('y'))).toEqual([8, -16, 24, 32]);
  expect(numbers(found.get('all'))).toEqual([-1, -2, -4, 2, 4, 8, -3, -6, -12, -4, -8, -16]);
});

it('values of a branch in a Scan come from the steps that take it', async () => {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.constant('steps', [3, 1], Float32Array.of(1, -5, 3));
  g.constant('zero', [1], [0]);
  const body = new GraphBuilder();
  body.input('state', [2]);
  body.input('step', [1]);
  body.node('Greater', ['step', 'zero'], 'c');
  const branch = (opType: string, to: string) => {
    const inner = new GraphBuilder();
    inner.node(opType, ['state', 'step'], to);
    inner.output(to, [2]);
    return graphOf(inner);
  };
  body.node('If', ['c'], 'next', { then_branch: branch('Add', 'more'), else_branch: branch('Mul', 'times') });
  body.output('next', [2]);
  g.node('Scan', ['x', 'steps'], 'y', { body: graphOf(body), num_scan_inputs: 1 });
  g.output('y');
  const exposed = exposing(g.build(), ['more', 'times']);
  const found = await runIn('basic', exposed, feed(Float32Array.of(1, 2)));
  // By hand: [1, 2] + 1; [2, 3] · −5; [−10, −15] + 3; each element 512 times, and the ends of each step.
  const seen = ([a, b]: readonly [number, number]) => [...Array(512).fill(a), ...Array(512).fill(b)];
  expect(numbers(found.get('more'))).toEqual([...seen([2, 3]), 2, 3, ...seen([-7, -12]), -12, -7]);
  expect(numbers(found.get('times'))).toEqual([...seen([-10, -15]), -15, -10]);
  expect(numbers(found.get('y'))).toEqual([-7, -12]);
  g.constant('steps', [3, 1], Float32Array.of(1, 1, 1));
  const none = await runIn('basic', exposing(g.build(), ['more', 'times']), feed(Float32Array.of(1, 2)));
  expect(numbers(none.get('times'))).toEqual([]);
});
