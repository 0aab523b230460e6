import { describe, expect, it } from 'vitest';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import { bodyConstants } from '../../src/fold/body-constants.js';
import { foldModel } from '../../src/fold/fold-model.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { place } from '../../src/place/place.js';
import { observableValues, roleOf } from '../../src/place/placement.js';
import { widen } from '../../src/prepare/widen.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { bodyFeed, convLayer, ifModel, matMulLayer } from '../support/body-models.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf, withMinmax } from '../support/quantize-model.js';

async function widened(model: Model, feeds: readonly Feed[], given: GivenRecipe = {}) {
  const recipe = withMinmax(given);
  // Ranges are found before layers are taken out of the integers.
  const first = place(model, { ...recipe, exclude: [] }, 'model.onnx');
  const statistics = await calibrate(model, observableValues(model.graph, first), sourceOf(feeds));
  const ranges = { ...noRanges, statistics };
  return widen(recipe, {
    ...{ model, ranges, rangeSources },
    place: (each) => place(model, each, 'model.onnx'),
  });
}

/** x → Conv a → Conv b, with one value of x so many times the others. */
function outlier(factor: number) {
  const net = new Net();
  net.input('x', [1, 2, 64, 64]);
  net.conv('x', 'a', 2, 2);
  net.conv('a', 'b', 2, 2);
  const data = randomFloats(8192, 5).fill(factor, 0, 1);
  return {
    model: finish(net, 'b'),
    feeds: [{ x: { type: 'float32' as const, dims: [1, 2, 64, 64], data } }],
  };
}

/** Boxes and scores, joined, and a Conv that reads them. */
function detector(size: number) {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 4, 4]);
  g.constant(
    'boxes.w',
    [4, 2, 1, 1],
    randomFloats(8, 1).map((w) => size * w),
  );
  g.constant('scores.w', [4, 2, 1, 1], randomFloats(8, 2));
  g.node('Conv', ['x', 'boxes.w'], 'boxes');
  g.node('Conv', ['x', 'scores.w'], 'scores');
  g.node('Concat', ['boxes', 'scores'], 'joined', { axis: 1 });
  g.constant('w', [2, 8, 1, 1], randomFloats(16, 3));
  g.node('Conv', ['joined', 'w'], 'y');
  g.output('y', [1, 2, 4, 4]);
  const data = randomFloats(32, 7);
  return { model: g.build(), feeds: [{ x: { type: 'float32' as const, dims: [1, 2, 4, 4], data } }] };
}

describe('activations that 8 bits do not hold', () => {
  it('are a join that computes in float and is read in codes', async () => {
    const { model, feeds } = detector(500);
    const exclude = ['boxes', 'scores', 'joined'];
    const { nodes, placement } = await widened(model, feeds, { exclude });
    expect(nodes.map(({ id, because }) => [id, because.kind])).toContainEqual(['y', 'reads']);
    expect(placement.weighted.map(({ node }) => node.id)).not.toContain('y');
  });

  it('are those that one value far out leaves few steps', async () => {
    // 8,192 uniform values of ±1 and one of 40: energy ⅓ + 40²/8192, an error of (41/255)²/12, 24 dB; with 4 it is 40 dB.
    const { model, feeds } = outlier(40);
    const { nodes, placement } = await widened(model, feeds);
    expect(nodes.map(({ id, because }) => [id, because.kind])).toContainEqual(['a', 'range']);
    const role = placement.weighted.find(({ node }) => node.id === 'a');
    expect(role?.runs.kind).toBe('float');
    const near = outlier(4);
    expect((await widened(near.model, near.feeds)).nodes).toEqual([]);
  });

  it('are boxes beside scores: the join stays float, and what reads it', async () => {
    const { model, feeds } = detector(640);
    const { nodes, placement, recipe } = await widened(model, feeds);
    expect(nodes.map(({ id, because }) => [id, because.kind])).toEqual([
      ['joined', 'join'],
      ['y', 'reads'],
    ]);
    const kindOf = (id: string) => {
      const node = model.graph.nodes.find((each) => each.id === id);
      return node && roleOf(placement, node)?.kind;
    };
    expect(['boxes', 'scores', 'joined', 'y'].map(kindOf)).toEqual([
      'weighted',
      'weighted',
      'float',
      'float',
    ]);
    // The recipe that comes of it is whole: it asks for nothing more.
    expect(await widened(model, feeds, recipe)).toMatchObject({ nodes: [], recipe });
    const alike = detector(20);
    expect((await widened(alike.model, alike.feeds)).nodes).toEqual([]);
  });

  it('get 16 bits where the target has them: what a layer reads, and the join with it', async () => {
    const { model, feeds } = detector(640);
    const { recipe, placement } = await widened(model, feeds, { target: 'qnn', format: 'qdq-int8' });
    expect(recipe.rules).toEqual([{ pattern: 'y', actBits: 16 }]);
    expect(recipe.exclude).toEqual([]);
    expect(placement.values.get('joined')?.bits).toBe(16);
    expect(placement.values.get('scores')?.bits).toBe(8);
  });

  it('are quantized all the same where a rule says so', async () => {
    const { model, feeds } = outlier(40);
    const rules = [{ pattern: '*', actBits: 8 }];
    const { nodes, placement } = await widened(model, feeds, { rules });
    expect(nodes).toEqual([]);
    expect(placement.weighted.map(({ runs }) => runs.kind)).toEqual(['integer', 'integer']);
  });
});

describe('layers in bodies', () => {
  const reasonsIn = ({ nodes }: Awaited<ReturnType<typeof widened>>) =>
    nodes.map(({ id, because }) => [id, because.kind]);
  const make = async () => {
    const model = ifModel([convLayer, matMulLayer]);
    await foldModel(model, undefined, [bodyConstants]);
    return model;
  };

  it('of a branch that no sample takes have their weights alone quantized', async () => {
    const found = await widened(await make(), [bodyFeed(true, 1), bodyFeed(true, 2)]);
    // What the Conv reads is seen outside, its result is not.
    expect(reasonsIn(found)).toEqual([
      ['e0_c', 'unseen'],
      ['e1', 'unseen'],
    ]);
    const kinds = found.placement.weighted.map(({ node: { id }, runs }) => [id, runs.kind]);
    expect(kinds).toEqual([
      ['t0_c', 'integer'],
      ['t1', 'integer'],
      ['e0_c', 'float'],
      ['e1', 'float'],
    ]);
  });

  it('run on integers where samples take both', async () => {
    const found = await widened(await make(), [bodyFeed(true, 1), bodyFeed(false, 2)]);
    expect(reasonsIn(found)).toEqual([]);
  });
});
