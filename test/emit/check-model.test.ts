import { describe, expect, it } from 'vitest';
import { checkBytes, checkRuns } from '../../src/emit/check-model.js';
import { type Model, node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { randomFeed } from '../support/graph-builder.js';
import { between } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';

async function checkModel(bytes: Uint8Array, model: Model, feed: Feed): Promise<void> {
  checkBytes(bytes, model);
  await checkRuns(bytes, feed);
}

const feed = randomFeed('x', [1, 4, 8, 8], 1);

/** A quantized model, and a copy of it that a test may change. */
async function pair(): Promise<{ model: Model; copy: Model }> {
  const { model } = (await quantizeModel(between((net, v) => net.node('Relu', [v], 'r')))).emitted;
  const { graph } = model;
  const copy = {
    ...model,
    graph: { ...graph, nodes: [...graph.nodes], initializers: new Map(graph.initializers) },
  };
  return { model, copy };
}

const reasonFor = async (bytes: Uint8Array, model: Model, run = feed) =>
  (await expectRefusal(() => checkModel(bytes, model, run), 'written-file-broken', 70)).facts.reason;

it('a model passes as it was written', async () => {
  const { model } = await pair();
  await checkModel(encodeModel(model), model, feed);
});

describe('bytes that are not those of the model', () => {
  it('with another element in a weight', async () => {
    const { model, copy } = await pair();
    const data = new Int8Array(144).fill(1);
    copy.graph.initializers.set('y_weight_q', tensorOf({ type: 'int8', dims: [4, 4, 3, 3], data }));
    expect(await reasonFor(encodeModel(copy), model)).toBe('the elements of "y_weight_q" read differently');
  });

  it('with another shape, a tensor too many, or one too few', async () => {
    const { model, copy } = await pair();
    const data = new Int8Array(144);
    copy.graph.initializers.set('y_weight_q', tensorOf({ type: 'int8', dims: [4, 36], data }));
    expect(await reasonFor(encodeModel(copy), model)).toBe('initializer "y_weight_q" reads differently');
    copy.graph.initializers.delete('y_weight_q');
    expect(await reasonFor(encodeModel(copy), model)).toMatch(/^\d+ initializers$/);
  });

  it('with a node that reads something else, or a node less', async () => {
    const { model, copy } = await pair();
    const [first, ...others] = copy.graph.nodes;
    if (!first) throw new Error('no node');
    copy.graph.nodes = [
      { ...first, inputs: [first.inputs[0] ?? '', 'y_s', first.inputs[2] ?? ''] },
      ...others,
    ];
    expect(await reasonFor(encodeModel(copy), model)).toBe('node 0 (QuantizeLinear) reads differently');
    copy.graph.nodes = others;
    expect(await reasonFor(encodeModel(copy), model)).toMatch(/^\d+ nodes instead of \d+$/);
  });
});

describe('a model that its users could not run', () => {
  it('because the runtime does not load it', async () => {
    const { copy } = await pair();
    copy.graph.nodes.push(node('NoSuchOperator', ['y'], ['z']));
    expect(await reasonFor(encodeModel(copy), copy)).toContain('NoSuchOperator');
  });

  it('because it fails when it runs', async () => {
    const { model } = await pair();
    expect(await reasonFor(encodeModel(model), model, randomFeed('x', [1, 3, 8, 8], 1))).toContain('x');
  });
});
