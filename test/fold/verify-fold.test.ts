import { expect, test } from 'vitest';
import type { SampleSource } from '../../calibration/source.js';
import { syntheticSource } from '../../calibration/synthetic.js';
import { referenceOf, verifyFold } from '../../src/fold/verify-fold.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf, floatTensor } from '../../src/graph/tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';

const samples = syntheticSource([{ name: 'x', type: 'float32', shape: [1, 4] }], 8, 1);

const verify = async (original: Model, folded: Model, source: SampleSource = samples) => {
  const reference = await withSession(encodeModel(original), { mode: 'basic', threads: 1 }, (session) =>
    referenceOf(session, source),
  );
  await verifyFold(reference, folded, 1);
};

/** The small model with its bias multiplied. */
function withBias(factor: number): Model {
  const model = smallModel();
  const bias = model.graph.initializers.get('b') ?? expect.fail();
  model.graph.initializers.set(
    'b',
    floatTensor(
      'float32',
      [3],
      floatsOf(bias).map((b) => b * factor),
    ),
  );
  return model;
}

test('the same model, and one within float rounding', async () => {
  await verify(smallModel(), smallModel());
  await verify(smallModel(), withBias(1 + 1e-6));
});

test('a constant that is not finite is told, not taken for a bug', async () => {
  const verified = () => verify(smallModel(), withBias(Number.NaN));
  const error = await expectRefusal(verified, 'constant-not-finite', 2);
  expect(error.facts).toEqual({ output: 'y', constant: 'b' });
});

test('what is random may differ', async () => {
  const model = () => {
    const g = new GraphBuilder();
    g.input('x', [1, 4]);
    g.constant('ratio', [], [0.5]);
    g.graph.initializers.set('train', {
      dataType: 'bool',
      dims: [],
      storage: { kind: 'raw', bytes: Uint8Array.of(1) },
    });
    g.output(g.node('Dropout', ['x', 'ratio', 'train'], 'y'), [1, 4]);
    return g.build();
  };
  await verify(model(), model());
});

test.each([1.01, -1])('a bias times %d is refused', async (factor) => {
  const error = await expectRefusal(() => verify(smallModel(), withBias(factor)), 'fold-changed-output', 70);
  expect(error.facts.output).toBe('y');
});

test('another shape is refused', async () => {
  // Its first row is the whole of the original.
  const model = smallModel();
  const bias = floatsOf(model.graph.initializers.get('b') ?? expect.fail());
  model.graph.initializers.set('b', floatTensor('float32', [2, 3], [...bias, ...bias]));
  await expectRefusal(() => verify(smallModel(), model), 'fold-changed-output', 70);
});

test('a lost output is a bug', async () => {
  const model = smallModel();
  model.graph.outputs = [{ name: 'product', dataType: 'float32', shape: [1, 3] }];
  await expect(verify(smallModel(), model)).rejects.toThrow('lost the output y');
});

/** x → what is named → Log → y: NaN for what is negative. */
function logarithmOf(opType: 'Identity' | 'Abs'): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.node('Log', [g.node(opType, ['x'], 'a')], 'y');
  g.output('y', [1, 4]);
  return g.build();
}

test('NaN is equal to itself, and to no number', async () => {
  const [some, none] = [logarithmOf('Identity'), logarithmOf('Abs')];
  await verify(some, some);
  await expectRefusal(() => verify(some, none), 'fold-changed-output', 70);
  await expectRefusal(() => verify(none, some), 'fold-changed-output', 70);
});

test('at the end of float32 an overflow in another order of additions is no difference', async () => {
  // The first of y is 1e38, then infinite or 2e38.
  const grown = (factor: number) => {
    const model = smallModel();
    model.graph.initializers.set('b', floatTensor('float32', [3], [1e38 * factor, 1e38, 1e38]));
    return model;
  };
  await verify(grown(1), grown(Number.POSITIVE_INFINITY));
  await expectRefusal(() => verify(grown(1), grown(2)), 'fold-changed-output', 70);
});

test('a few samples are enough', async () => {
  let read = 0;
  const counting: SampleSource = {
    ...samples,
    async *open() {
      for await (const batch of samples.open()) {
        read += batch.samples;
        yield batch;
      }
    },
  };
  await verify(smallModel(), smallModel(), counting);
  expect(read).toBe(4);
});

/** x, and an int64 output that no input moves. */
function counting(value: bigint): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.constant('c', [2], BigInt64Array.of(value, 7n));
  g.node('Identity', ['c'], 'y');
  g.output('y', [2], 'int64');
  return g.build();
}

test.each([1_000_000n, 2n ** 53n])('an integer output is compared to the last digit: %d', async (value) => {
  await verify(counting(value), counting(value));
  const error = await expectRefusal(
    () => verify(counting(value), counting(value + 1n)),
    'fold-changed-output',
    70,
  );
  expect(error.facts.difference).toBe(1);
});
