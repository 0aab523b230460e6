import { describe, expect, it } from 'vitest';
import { withBatchAxes } from '../../calibration/batch-axis.js';

type Shape = (number | string | undefined)[];

const axesOf = (...shapes: Shape[]) =>
  withBatchAxes(shapes.map((shape, i) => ({ name: `x${i}`, type: 'float32', shape }))).map(
    ({ batchAxis }) => batchAxis,
  );

describe('the batch axis of an input', () => {
  it.each<[string, Shape[], (number | 'none' | undefined)[]]>([
    ['the first one of images', [['N', 3, 'H', 'W']], [0]],
    [
      'the one of its name in a state',
      [
        ['batch', 4],
        [2, 'batch', 3],
      ],
      [0, 1],
    ],
    [
      'the second one, time first',
      [
        ['T', 'batch', 3],
        ['batch', 5],
      ],
      [1, 0],
    ],
    [
      'the first one where exporters make names up',
      [
        ['x_dynamic_axes_1', 3],
        ['y_dynamic_axes_1', 5],
      ],
      [0, 0],
    ],
    [
      'the open one of a state whose name is made up',
      [
        ['x_dynamic_axes_1', 3],
        [2, 'h_dynamic_axes_1', 8],
      ],
      [0, 1],
    ],
    [
      'none where the open one has a name of its own',
      [
        ['x_dynamic_axes_1', 3],
        [2, 'points', 8],
      ],
      [0, 'none'],
    ],
    [
      'the open one of a state where nothing has a name',
      [
        [undefined, undefined],
        [2, undefined, 128],
      ],
      [0, 1],
    ],
    ['the first one where it is the only name', [['images', 3, 8, 8]], [0]],
    ['none of a list of sizes', [[1, 'num_points', 2], [1, 'num_points'], [2]], [0, 0, 'none']],
    [
      'none of a state of fixed layers without a batch',
      [
        ['batch', 4],
        [2, 8],
      ],
      [0, 'none'],
    ],
    [
      'the axis of one in a state that is fixed',
      [
        ['batch', 'frames', 16],
        [2, 1, 8],
      ],
      [0, 1],
    ],
    [
      'the axis that has the fixed size',
      [
        [8, 4],
        [2, 8, 3],
      ],
      [0, 1],
    ],
    ['none of a scalar', [['batch', 4], []], [0, 'none']],
    [
      'none of what is a sum',
      [
        ['batch', 4],
        ['batch*heads', 4],
      ],
      [0, 'none'],
    ],
    ['the only axis of one where the first one is time', [['T', 1, 3]], [1]],
    [
      'the first one where nothing is stated',
      [
        [undefined, 3],
        [undefined, undefined],
      ],
      [0, 0],
    ],
    [
      'the second one where time comes first and the state shares its made-up name',
      [
        ['s0', 's1', 10],
        [2, 's1', 16],
      ],
      [1, 1],
    ],
    [
      'the first of each where two names are two batches',
      [
        ['left', 'side', 'side'],
        ['right', 'side', 'side'],
      ],
      [0, 0],
    ],
    [
      'the second one where all is fixed and only one is in both',
      [
        [6, 1, 10],
        [2, 1, 16],
      ],
      [1, 1],
    ],
    [
      'the first one where its fixed size is in both, with one channel behind it',
      [
        [8, 1, 28],
        [8, 1],
      ],
      [0, 0],
    ],
  ])('is %s', (_, shapes, axes) => {
    expect(axesOf(...shapes)).toEqual(axes);
  });
});
