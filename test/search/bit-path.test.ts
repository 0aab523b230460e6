import { describe, expect, it } from 'vitest';
import { bitPath, type Choice, choicesAfter, lowerHull } from '../../src/search/bit-path.js';
import { randomFloats } from '../support/graph-builder.js';

const choice = (bytes: number, noise: number): Choice => ({ bytes, noise });

describe('the lower convex hull of a layer', () => {
  it('leaves out what is above a line between two others, or worse in both', () => {
    const choices = [choice(8, 1), choice(2, 16), choice(4, 10), choice(3, 11), choice(5, 12), choice(16, 0)];
    // From (2, 16) to (8, 1) the line passes 11 at 4 bytes and 13.5 at 3: (4, 10) is above the one from (3, 11) to (8, 1).
    expect(lowerHull(choices)).toEqual([1, 3, 0, 5]);
  });

  it('takes the first of equals, and the better of two of one size', () => {
    expect(lowerHull([choice(2, 5), choice(2, 5), choice(2, 7)])).toEqual([0]);
    expect(lowerHull([choice(2, 7), choice(2, 5), choice(4, 5)])).toEqual([1]);
  });
});

describe('the path', () => {
  const numbers = [...randomFloats(64, 3, 0.01, 1)];
  const layers = [0, 1, 2, 3].map((layer) =>
    [0, 1, 2, 3, 4].map((i) =>
      choice(10 + 40 * (numbers[8 * layer + i] ?? 0), numbers[32 + 8 * layer + i] ?? 0),
    ),
  );
  const sumOf = (choices: readonly number[], key: keyof Choice) =>
    choices.reduce((sum, index, layer) => sum + (layers[layer]?.[index]?.[key] ?? 0), 0);

  it('has, at each of its points, less noise than any other model of that size', () => {
    const path = bitPath(layers);
    const all: number[][] = [[]];
    for (const choices of layers)
      all.splice(0, all.length, ...all.flatMap((prefix) => choices.map((_, index) => [...prefix, index])));
    for (let step = 0; step <= path.steps.length; step++) {
      const chosen = choicesAfter(path, step);
      const [bytes, noise] = [sumOf(chosen, 'bytes'), sumOf(chosen, 'noise')];
      const better = all.filter(
        (each) => sumOf(each, 'bytes') <= bytes && sumOf(each, 'noise') < noise - 1e-12,
      );
      expect(better).toEqual([]);
    }
  });

  it('grows from the smallest choices to the best ones, step by step', () => {
    const path = bitPath(layers);
    const bytes = Array.from({ length: path.steps.length + 1 }, (_, step) =>
      sumOf(choicesAfter(path, step), 'bytes'),
    );
    const least = layers.map((choices) => Math.min(...choices.map((each) => each.bytes)));
    const best = layers.map((choices) => Math.min(...choices.map((each) => each.noise)));
    expect(bytes[0]).toBeCloseTo(
      least.reduce((a, b) => a + b),
      10,
    );
    expect(sumOf(choicesAfter(path, path.steps.length), 'noise')).toBeCloseTo(
      best.reduce((a, b) => a + b),
      10,
    );
    expect([...bytes].sort((a, b) => a - b)).toEqual(bytes);
  });

  it('has no step where each layer has one choice', () => {
    expect(bitPath([[choice(3, 1)], [choice(4, 0)]])).toEqual({ smallest: [0, 0], steps: [] });
  });
});
