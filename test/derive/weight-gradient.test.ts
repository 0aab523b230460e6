import { expect, test } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import { Steps } from '../../src/derive/steps.js';
import { weightGradient } from '../../src/derive/weight-gradient.js';
import type { Window } from '../../src/derive/window.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { numbersOf } from '../../src/numerics/nd-array.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

/** Batch 2 of images 7 high and 6 wide, so that no axis passes for another. */
const [SAMPLES, HEIGHT, WIDTH] = [2, 7, 6];

const plain = { strides: [1, 1], dilations: [1, 1], begins: [1, 1], ends: [1, 1] };

const windows: [string, Window, places: [number, number]][] = [
  ['3 × 3, padded', { kernel: [3, 3], ...plain }, [7, 6]],
  ['1 × 1', { kernel: [1, 1], ...plain, begins: [0, 0], ends: [0, 0] }, [7, 6]],
  [
    'stride 2 by 1, dilated, padded unevenly',
    { kernel: [3, 2], strides: [2, 1], dilations: [1, 2], begins: [1, 0], ends: [1, 1] },
    [4, 5],
  ],
  [
    '1 × 1, stride 2',
    { kernel: [1, 1], strides: [2, 2], dilations: [1, 1], begins: [0, 0], ends: [0, 0] },
    [4, 3],
  ],
];

// 31 channels are summed sample by sample, 32 and more in one product; both are the sum that its definition says.
const channels: [large: number, small: number][] = [
  [33, 32],
  [31, 34],
];

test.each(windows.flatMap((each) => channels.map((sizes) => [each[0], sizes, each] as const)))(
  '%s, channels %j: as the sum over places',
  async (_name, [large, small], [, window, places]) => {
    const random = seededRandom(7);
    const draw = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5);
    const x = draw(SAMPLES * large * HEIGHT * WIDTH);
    const g = draw(SAMPLES * small * places[0] * places[1]);
    const expected = summed(x, g, [large, small], window, places);
    const found = await run(x, g, [large, small], window, places);
    expect(found.length).toBe(expected.length);
    const worst = expected.map((value, at) => Math.abs(value - (found[at] ?? Number.NaN)));
    expect(Math.max(...worst)).toBeLessThan(1e-5);
  },
);

/** dW[o, c, i, j] = Σ g[n, o, p, q] · x[n, c, p·s + i·d − begin, q·s + j·d − begin], in float64. */
function summed(
  x: Float32Array,
  g: Float32Array,
  [large, small]: readonly [number, number],
  { kernel: [tall = 1, wide = 1], strides, dilations, begins }: Window,
  [rows, columns]: readonly [number, number],
): number[] {
  const sums: number[] = [];
  const at = (axis: number, place: number, tap: number) =>
    place * (strides[axis] ?? 1) + tap * (dilations[axis] ?? 1) - (begins[axis] ?? 0);
  for (let o = 0; o < small; o++) {
    for (let c = 0; c < large; c++) {
      for (let i = 0; i < tall; i++) {
        for (let j = 0; j < wide; j++) {
          let sum = 0;
          for (let n = 0; n < SAMPLES; n++) {
            for (let p = 0; p < rows; p++) {
              for (let q = 0; q < columns; q++) {
                const [row, column] = [at(0, p, i), at(1, q, j)];
                if (row < 0 || row >= HEIGHT || column < 0 || column >= WIDTH) continue;
                sum +=
                  (g[((n * small + o) * rows + p) * columns + q] ?? 0) *
                  (x[((n * large + c) * HEIGHT + row) * WIDTH + column] ?? 0);
              }
            }
          }
          sums.push(sum);
        }
      }
    }
  }
  return sums;
}

async function run(
  x: Float32Array,
  g: Float32Array,
  [large, small]: readonly [number, number],
  window: Window,
  places: readonly [number, number],
): Promise<number[]> {
  const builder = new GraphBuilder();
  const sides = {
    large: { value: 'x', dims: [SAMPLES, large, HEIGHT, WIDTH] },
    small: { value: 'g', dims: [SAMPLES, small, ...places] },
  };
  builder.constant('x', sides.large.dims, x);
  builder.constant('g', sides.small.dims, g);
  let names = 0;
  const fresh = (wanted: string) => `${wanted}_${names++}`;
  const steps = new Steps(
    {
      floatType: 'float32',
      fresh,
      constantOf: (array) => {
        const name = fresh('constant');
        builder.graph.initializers.set(name, tensorOf(array));
        return name;
      },
    },
    'dw',
  );
  const name = weightGradient(steps, sides.large, sides.small, window, 1);
  const outputs = [{ name, dataType: 'float32' as const, shape: undefined }];
  const graph = { ...builder.graph, nodes: [...builder.graph.nodes, ...steps.nodes], outputs };
  const found = await runIn('disabled', { ...builder.build(), graph }, {});
  const array = found.get(name);
  expect(array?.dims).toEqual([small, large, ...window.kernel]);
  return array ? Array.from(numbersOf(array)) : [];
}
