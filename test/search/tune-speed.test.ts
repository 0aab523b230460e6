import { expect, test } from 'vitest';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import type { Gain } from '../../src/evaluate/measure-speed.js';
import { place } from '../../src/place/place.js';
import { observableValues, weightedNode } from '../../src/place/placement.js';
import { makePlanner } from '../../src/prepare/planner.js';
import type { GivenRecipe } from '../../src/recipe.js';
import type { Attempt } from '../../src/search/quantize-as.js';
import { candidateRuns, tunedForSpeed } from '../../src/search/tune-speed.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { randomFeeds, sourceOf, withMinmax } from '../support/quantize-model.js';

test('runs of layers that may gain: those of greatest sum apart from one another, then the first few, then all', () => {
  // By hand: 5 − 1 + 3 = 7 before anything else, then the 2 behind the 9 that is lost; the 1 before is too little.
  expect(candidateRuns([1, -2, 5, -1, 3, -9, 2], 2)).toEqual([
    { from: 2, end: 5, sum: 7 },
    { from: 6, end: 7, sum: 2 },
    ...[1, 2, 4, 7].map((end) => ({ from: 0, end })),
  ]);
  expect(candidateRuns([-1], 1)).toEqual([{ from: 0, end: 1 }]);
});

/** Eight convolutions in a row. */
function row() {
  const net = new Net();
  net.input('c0', [1, 4, 6, 6]);
  for (let i = 1; i <= 8; i++) net.conv(`c${i - 1}`, `c${i}`);
  return finish(net, 'c8');
}

/** The layers of a model that calculate in float. */
const inFloat = ({ plan }: Attempt): string[] =>
  plan.placement.weighted.filter(({ runs }) => runs.kind === 'float').map(({ node }) => node.id);

/** A machine on which these layers are faster in float, each other one slower, and a change of kind costs as much as one gains. */
function machine(...fast: string[]) {
  const timeOf = (attempt: Attempt): number => {
    const kinds = attempt.plan.placement.weighted.map(({ node, runs }) => ({ id: node.id, kind: runs.kind }));
    const layers = kinds.map(({ id, kind }) => (fast.includes(id) === (kind === 'float') ? 1 : 2));
    const changes = kinds.filter(({ kind }, i) => i > 0 && kind !== kinds[i - 1]?.kind).length;
    return layers.reduce((sum, each) => sum + each, changes);
  };
  return async (first: Attempt, second: Attempt): Promise<Gain> => {
    const ratio = timeOf(first) / timeOf(second);
    return { ratio, atLeast: ratio };
  };
}

async function tuneRow(
  gainOf: (first: Attempt, second: Attempt) => Promise<Gain>,
  pause: () => Promise<void> = async () => {},
  given: GivenRecipe = {},
) {
  const model = row();
  const recipe = withMinmax({ refine: 'moments', ...given });
  const placement = place(model, recipe, 'model.onnx');
  const statistics = await calibrate(
    model,
    observableValues(model.graph, placement),
    sourceOf(randomFeeds(model)),
  );
  const planner = makePlanner({
    ...{ model, path: 'model.onnx', ranges: { ...noRanges, statistics }, keeps: true },
    madeFrom: { float: 'hash', samples: 3, seed: undefined },
    refining: {
      ...{ source: undefined, seed: 0, maxMemoryBytes: undefined },
      pause: async () => {},
      progress: () => {},
    },
  });
  const found = await tunedForSpeed(planner, recipe, randomFeed('c0', [1, 4, 6, 6], 1), { gainOf, pause });
  const placed = planner.place(found.recipe);
  const kinds = new Map(
    placed.weighted.map(({ node }) => [node.id, weightedNode(placed, node.id)?.runs.kind]),
  );
  return { ...found, kinds, given: recipe };
}

test('the layers that are faster in float calculate so, the others on integers, and the recipe says it', async () => {
  const { recipe, tuning, kinds, given } = await tuneRow(machine('c1', 'c2'));
  expect(tuning.layers).toEqual(['c1', 'c2']);
  // 2 + 2 + 6 before; 8 and a change of kind after.
  expect(tuning.gain).toBeCloseTo(10 / 9, 12);
  expect([...kinds].filter(([, kind]) => kind === 'float').map(([id]) => id)).toEqual(['c1', 'c2']);
  expect(recipe).toEqual({
    ...given,
    rules: ['c1', 'c2'].map((pattern) => ({ pattern, actBits: 'float' })),
  });
});

test('where all are faster but the last ones, these are given back', async () => {
  const { tuning } = await tuneRow(machine('c1', 'c2', 'c3', 'c4', 'c5', 'c6'));
  expect(tuning.layers).toEqual(['c1', 'c2', 'c3', 'c4', 'c5', 'c6']);
});

test('where no layer is faster in float, or a gain is not sure, the recipe is as it was given', async () => {
  const none = await tuneRow(machine());
  expect(none.tuning).toMatchObject({ layers: [], gain: 1 });
  expect(none.recipe).toEqual(none.given);
  const sure = machine('c1', 'c2');
  const unsure = await tuneRow(async (first, second) => ({ ...(await sure(first, second)), atLeast: 0.99 }));
  expect(unsure.tuning.layers).toEqual([]);
});

test('what had luck once is not taken', async () => {
  const seen = new Set<string>();
  const { tuning, recipe, given } = await tuneRow(async (first, second) => {
    const key = inFloat(second).join();
    const isMore = inFloat(second).length > inFloat(first).length;
    const ratio = seen.has(key) || !isMore ? 0.98 : 1.2;
    seen.add(key);
    return { ratio, atLeast: ratio };
  });
  expect(tuning.layers).toEqual([]);
  expect(recipe).toEqual(given);
});

test('a model without a layer on integers is not timed at all, nor profiled', async () => {
  let pauses = 0;
  const pause = async () => {
    pauses++;
  };
  const { tuning } = await tuneRow(machine('c1'), pause, { rules: [{ pattern: '*', actBits: 'float' }] });
  expect(tuning).toEqual({ layers: [], gain: 1, tried: 0 });
  expect(pauses).toBe(0);
});
