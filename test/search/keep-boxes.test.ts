import { describe, expect, test } from 'vitest';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import type { Model } from '../../src/graph/model.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { place } from '../../src/place/place.js';
import { observableValues } from '../../src/place/placement.js';
import { makePlanner } from '../../src/prepare/planner.js';
import { type GivenRecipe, saysObserver } from '../../src/recipe.js';
import { keepBoxes } from '../../src/search/keep-boxes.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { sourceOf, withMinmax } from '../support/quantize-model.js';

/** A side of the picture, and the boxes of it. */
const SIDE = 8;
const BOXES = SIDE * SIDE;

/**
 * One box a pixel, its first corner a fifth of the red and of the green. Beside these weights stands one of a channel that is 0
 * on every sample: where it is 60, eight bits leave nothing of a fifth. All channels share a
 * range, which a loud blue stretches.
 */
function detector({
  stray = 0,
  blue = 1,
  classes = 8,
  softmax = true,
}: {
  stray?: number;
  blue?: number;
  classes?: number;
  softmax?: boolean;
}): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 3, SIDE, SIDE]);
  // Red, green, blue, and what blue is below 0.
  g.constant('w1', [4, 3, 1, 1], [1, 0, 0, 0, 1, 0, 0, 0, blue, 0, 0, -1]);
  g.node('Conv', ['x', 'w1'], 'c1');
  g.node('Relu', ['c1'], 'features');
  const fifth = 0.2;
  g.constant(
    'w2',
    [4, 4, 1, 1],
    [...[fifth, 0, 0, stray], ...[0, fifth, 0, stray], ...[fifth, 0, 0, 0], ...[0, fifth, 0, 0]],
  );
  g.constant('b2', [4], [0, 0, 0.5, 0.5]);
  g.node('Conv', ['features', 'w2', 'b2'], 'box');
  g.constant(
    'w3',
    [classes, 4, 1, 1],
    // Each class but the first, which is none, goes by a colour.
    Array.from({ length: classes * 4 }, (_, i) =>
      i < 4 ? 0 : (Math.floor(i / 4) + i) % 4 === 0 ? 9 + i : -2,
    ),
  );
  g.node('Conv', ['features', 'w3'], 'score');
  for (const [name, count] of [
    ['box', 4],
    ['score', classes],
  ] as const) {
    g.constant(`${name}_shape`, [3], BigInt64Array.of(1n, BigInt(count), BigInt(BOXES)));
    g.node('Reshape', [name, `${name}_shape`], `${name}_flat`);
    g.node('Transpose', [`${name}_flat`], name === 'box' ? 'boxes' : `${name}_rows`, { perm: [0, 2, 1] });
  }
  g.node(softmax ? 'Softmax' : 'Identity', ['score_rows'], 'scores', softmax ? { axis: -1 } : {});
  g.output('boxes', [1, BOXES, 4]);
  g.output('scores', [1, BOXES, classes]);
  return g.build();
}

const pictures = (count = 4) =>
  Array.from({ length: count }, (_, i) => {
    const feed = randomFeed('x', [1, 3, SIDE, SIDE], 7 + i);
    const x = feed.x as NdArray;
    return { x: { ...x, data: (x.data as Float32Array).map(Math.abs) } } as typeof feed;
  });

/**
 * The same as YOLO has it, one output [1, 4 + classes, boxes]: centres at the red and the green, in pixels of a picture of another
 * size.
 */
function joined(pixels: number, isConcat = true): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 3, SIDE, SIDE]);
  g.constant('w1', [4, 3, 1, 1], [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, -1]);
  g.node('Relu', [g.node('Conv', ['x', 'w1'], 'c1')], 'features');
  const stray = 400;
  g.constant('w2', [4, 4, 1, 1], [1, 0, 0, stray, 0, 1, 0, stray, ...Array(8).fill(0)]);
  g.constant('b2', [4], [0, 0, 0.5, 0.5]);
  g.node('Conv', ['features', 'w2', 'b2'], 'box');
  g.constant('side', [1], [pixels]);
  g.node('Mul', ['box', 'side'], 'pixels');
  g.constant('w3', [3, 4, 1, 1], [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0]);
  g.node('Sigmoid', [g.node('Conv', ['features', 'w3'], 'score')], 'scores');
  for (const [from, count] of [
    ['pixels', 4],
    ['scores', 3],
  ] as const) {
    g.constant(`${from}_shape`, [3], BigInt64Array.of(1n, BigInt(count), BigInt(BOXES)));
    g.node('Reshape', [from, `${from}_shape`], `${from}_flat`);
  }
  const parts = ['pixels_flat', 'scores_flat'];
  // Three and four fields are no box and its scores.
  if (isConcat) g.node('Concat', parts, 'y', { axis: 1 });
  else {
    g.constant('cut', [2], BigInt64Array.of(3n, 1n));
    g.node('Split', ['pixels_flat', 'cut'], ['most', 'last'], { axis: 1 });
    g.node('Concat', ['last', 'scores_flat'], 'rest', { axis: 1 });
    g.node('Concat', ['most', 'rest'], 'y', { axis: 1 });
  }
  g.output('y', [1, 7, BOXES]);
  return g.build();
}

async function kept(model: Model, given: GivenRecipe = {}, small = 0) {
  const recipe = withMinmax({ refine: 'none', ...given });
  const placement = place(model, recipe, 'model.onnx');
  const source = sourceOf(pictures());
  const statistics = await calibrate(model, observableValues(model.graph, placement), source);
  const planner = makePlanner({
    ...{ model, path: 'model.onnx', ranges: { ...noRanges, statistics }, keeps: true },
    madeFrom: { float: 'hash', samples: 4, seed: undefined },
    refining: {
      ...{ source: undefined, seed: 0, maxMemoryBytes: undefined },
      pause: async () => {},
      progress: () => {},
    },
  });
  const samples = { calibration: source, kind: 'calibration' } as const;
  return {
    given: recipe,
    samples,
    planner,
    ...(await keepBoxes(planner, recipe, samples, { smallModel: small })),
  };
}

describe('a layer whose rounding moves boxes', () => {
  test('stays in float, and no other; what was found is not measured again', async () => {
    const { recipe, given, kept: found, planner, samples } = await kept(detector({ stray: 60 }));
    expect(found?.layers).toEqual(['box']);
    expect(recipe.exclude).toEqual(['box']);
    expect(recipe.activations).toMatchObject({ kind: 'static', keepBoxes: 'off' });
    expect({ ...recipe, exclude: [], activations: given.activations }).toEqual(given);
    // A fifth of a pixel's red or green, up to 1, is gone: 20 % of the picture.
    expect(found?.before.worst).toBeGreaterThan(0.1);
    expect(found?.before.worst).toBeLessThan(0.2 + 0.01);
    // What is left is the rounding of its input.
    expect(found?.after.worst).toBeLessThan(0.005);
    // 4 × 4 of 4 × 3 + 4 × 4 + 8 × 4 multiplications a pixel.
    expect(found?.share).toBeCloseTo(16 / 60, 12);
    expect(await keepBoxes(planner, recipe, samples)).toEqual({ recipe, kept: undefined });
  });
  test('is kept along with the one that it reads, where both round what lies between', async () => {
    const { kept: found } = await kept(detector({ blue: 100, classes: 24 }));
    expect(found?.layers).toEqual(['c1', 'box']);
    // Half a step of 100 / 255, a fifth of it.
    expect(found?.before.worst).toBeGreaterThan(0.03);
    expect(found?.before.worst).toBeLessThan(0.045);
    expect(found?.after.worst).toBeLessThan(0.01);
  });

  test('is kept beyond three tenths of the multiplications where boxes are off by more than a percent', async () => {
    // 4 × 4 of 4 × 3 + 4 × 4 + 4 × 4 multiplications a pixel: 0.36.
    const { recipe, kept: found } = await kept(detector({ stray: 60, classes: 4 }));
    expect(found?.layers).toEqual(['box']);
    expect(recipe.exclude).toEqual(['box']);
    expect(found?.share).toBeCloseTo(16 / 44, 12);
  });

  test('is not kept where it takes more than six tenths', async () => {
    // Both of them, 4 × 3 + 4 × 4, of 4 × 4 more: 0.64. One alone mends nothing.
    const { recipe, given, kept: found } = await kept(detector({ blue: 100, classes: 4 }));
    expect(found?.layers ?? []).not.toEqual(expect.arrayContaining(['c1', 'box']));
    expect(recipe.exclude.length).toBeLessThan(2);
    expect(given.exclude).toEqual([]);
  });

  test('by the usual observer ranges of few samples have a margin from there on', async () => {
    const activations = { kind: 'static', observer: 'mse' } as const;
    const { recipe, kept: found } = await kept(detector({ stray: 60 }), { activations });
    expect(found?.layers).toEqual(['box']);
    expect(recipe.activations).toMatchObject({ observer: 'gumbel', keepBoxes: 'off' });
    const { recipe: near, given } = await kept(detector({}), { activations });
    expect(near).toEqual(given);
  });

  test.each([
    ['a picture of another size', 640],
    ['this picture', SIDE],
    ['shares of it', 1],
  ])('is found where the graph joins boxes and scores, in pixels of %s', async (_, pixels) => {
    const { recipe, kept: found } = await kept(joined(pixels));
    expect(found?.layers).toEqual(['box']);
    expect(recipe.exclude).toEqual(['box']);
    // Up to all of the red or green is lost, in the unit of the boxes.
    expect(found?.before.worst).toBeGreaterThan(0.8);
    expect(found?.before.worst).toBeLessThan(1.05);
    expect(found?.after.worst).toBeLessThan(0.01);
    expect((await kept(joined(pixels, false))).kept === undefined).toBe(pixels !== SIDE);
  });

  test('computes in float with weights of 8 bits where the model is small', async () => {
    const { recipe, kept: found } = await kept(detector({ blue: 60 }), {}, 1e7);
    expect(found?.layers).toEqual(['c1', 'box']);
    expect(recipe.exclude).toEqual([]);
    expect(recipe.rules.map(({ actBits }) => actBits)).toEqual(['float', 'float']);
    expect(found?.after.worst).toBeLessThan(0.01);
    // Eight bits of its weights are what moves boxes there.
    const { recipe: other, kept: box } = await kept(detector({ stray: 60 }), {}, 1e7);
    expect(box?.layers).toEqual(['box']);
    expect([other.exclude, other.rules]).toEqual([['box'], []]);
    expect(box?.after.worst).toBeLessThan(0.01);
  });

  test('the observer that was asked for stays', async () => {
    expect([{}, { activations: { bits: 8 } }, undefined].map(saysObserver)).toEqual([false, false, false]);
    expect(saysObserver({ activations: { observer: 'mse' } })).toBe(true);
    const { planner, given, samples } = await kept(detector({ stray: 60 }), {
      activations: { kind: 'static', observer: 'mse' },
    });
    const { recipe, kept: found } = await keepBoxes(planner, given, samples, {
      saysObserver: true,
      smallModel: 0,
    });
    expect(found?.layers).toContain('box');
    expect(recipe.activations).toMatchObject({ observer: 'mse', keepBoxes: 'off' });
  });

  test('no word of it where all is near anyway, or what the outputs hold are no boxes', async () => {
    for (const model of [
      detector({}),
      // Scores that no picture raises above a half, and outputs without boxes beside them.
      detector({ stray: 60, softmax: false, classes: 1 }),
    ]) {
      const { recipe, given, kept: found } = await kept(model);
      expect(recipe).toEqual(given);
      expect(found).toBeUndefined();
    }
  });

  test.each<[string, GivenRecipe]>([
    ['off', { activations: { kind: 'static', keepBoxes: 'off' } }],
    ['a rule that asks for integers', { rules: [{ pattern: '*', actBits: 8 }] }],
    ['fewer bits', { bits: 4 }],
    ['a runtime whose float layers run elsewhere', { target: 'qnn' }],
  ])('%s: nothing is kept', async (_, asked) => {
    const { recipe, given, kept: found } = await kept(detector({ stray: 60 }), asked);
    expect(recipe).toEqual(given);
    expect(found).toBeUndefined();
  });
});
