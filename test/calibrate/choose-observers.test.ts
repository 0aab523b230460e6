import { describe, expect, it } from 'vitest';
import type { Observer } from '../../calibration/observers/observer.js';
import type { SampleSource } from '../../calibration/source.js';
import { chooseObservers } from '../../src/calibrate/choose-observers.js';
import type { Model } from '../../src/graph/model.js';
import { quantizerOfRange } from '../../src/numerics/affine.js';
import { place } from '../../src/place/place.js';
import { observedValues } from '../../src/place/placement.js';
import { defaultRecipe } from '../../src/recipe.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { statisticsOf } from '../support/statistics.js';

/** Always the range up to `top`. */
const upTo = (name: string, top: number): Observer => ({
  name,
  summary: '',
  quantizer: (_, bits) => quantizerOfRange(0, top, bits),
});

/** One sample with two features. */
const source = (...values: readonly number[]): SampleSource => ({
  label: 'two features',
  length: 1,
  preprocess: 'none',
  async *open() {
    yield {
      feed: { x: { type: 'float32', dims: [1, 2], data: Float32Array.from(values) } },
      size: 1,
      samples: 1,
    };
  },
});

async function choose(model: Model, candidates: readonly Observer[], heldOut: SampleSource) {
  const placement = place(model, defaultRecipe, 'model.onnx');
  const tensors = new Map(observedValues(placement).map((name) => [name, statisticsOf([0, 100])]));
  const placed = { model, recipe: defaultRecipe, placement };
  const choices = await chooseObservers(placed, { statistics: { tensors }, candidates, heldOut });
  return Object.fromEntries([...choices].map(([value, { name }]) => [value, name]));
}

/** x → Gemm with a weight a feature → y. */
function gemm(...weights: readonly number[]): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 2]);
  g.constant('w', [2, 1], weights);
  g.node('Gemm', ['x', 'w'], 'y');
  g.output('y', [1, 1]);
  return g.build();
}

describe('chooseObservers', () => {
  const [whole, narrow] = [upTo('whole', 100), upTo('narrow', 1)];

  it('lets a layer that does not look at the outlier have the narrow range', async () => {
    // Steps of 0.392 and 0.0039 for the 0.5; the narrow one clips 100 to 1, which a weight of 0 does not see.
    expect(await choose(gemm(1, 0), [whole, narrow], source(0.5, 100))).toEqual({ x: 'narrow' });
    expect(await choose(gemm(1, 1), [whole, narrow], source(0.5, 100))).toEqual({ x: 'whole' });
  });

  it('counts what errors do together: opposite ones may cancel in a layer', async () => {
    // Step 0.4 makes 0.4 of both, step 0.49 makes 0.49.
    const coarse = upTo('coarse', 0.4 * 255);
    const finer = upTo('finer', 0.49 * 255);
    const even = source(0.5, 0.5);
    expect(await choose(gemm(1, -1), [coarse, finer], even)).toEqual({ x: 'coarse' });
    expect(await choose(gemm(1, 1), [coarse, finer], even)).toEqual({ x: 'finer' });
  });

  it('stays with the first where one run alone speaks against it', async () => {
    // On zeros both are exact.
    const rows = [...Array.from({ length: 11 }, () => [0, 0]), [0.5, 0.25]];
    const several: SampleSource = {
      ...source(),
      length: rows.length,
      async *open() {
        for (const row of rows)
          yield {
            feed: { x: { type: 'float32', dims: [1, 2], data: Float32Array.from(row) } },
            size: 1,
            samples: 1,
          };
      },
    };
    expect(await choose(gemm(1, 1), [whole, narrow], several)).toEqual({ x: 'whole' });
    expect(await choose(gemm(1, 1), [whole, narrow], source(0.5, 0.25))).toEqual({ x: 'narrow' });
  });

  it('takes the first where two make the same quantizer', async () => {
    expect(await choose(gemm(1, 1), [upTo('a', 3), upTo('b', 3)], source(1, 2))).toEqual({ x: 'a' });
  });

  it('looks at the value itself where arithmetic reads it', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 1, 1]);
    g.constant('w', [2, 2, 1, 1], [1, 0, 0, 1]);
    g.node('Conv', ['x', 'w'], 'a');
    g.node('Conv', ['x', 'w'], 'b');
    g.node('Add', ['a', 'b'], 's');
    g.node('Conv', ['s', 'w'], 'y');
    g.output('y', [1, 2, 1, 1]);
    const heldOut: SampleSource = {
      ...source(),
      async *open() {
        yield {
          feed: { x: { type: 'float32', dims: [1, 2, 1, 1], data: Float32Array.of(0.5, 0.25) } },
          size: 1,
          samples: 1,
        };
      },
    };
    const choices = await choose(g.build(), [whole, narrow], heldOut);
    expect(choices).toMatchObject({ a: 'narrow', b: 'narrow', s: 'narrow', x: 'narrow' });
  });
});
