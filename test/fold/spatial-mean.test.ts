import { describe, expect, test } from 'vitest';
import { spatialMean } from '../../src/fold/spatial-mean.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

/** x → Relu → ReduceMean → y. */
function mean(
  axes: number[],
  { shape = [2, 3, 4, 5], keepdims = 1, opset = 18, type = 'float32' as 'float32' | 'int32' } = {},
) {
  const g = new GraphBuilder();
  g.input('x', shape, type);
  g.node('Abs', ['x'], 'r');
  if (opset >= 18) {
    g.constant('axes', [axes.length], BigInt64Array.from(axes, BigInt));
    g.node('ReduceMean', ['r', 'axes'], 'y', { keepdims }, 'mean');
  } else g.node('ReduceMean', ['r'], 'y', { keepdims, axes }, 'mean');
  g.graph.valueInfo.set('r', { name: 'r', dataType: type, shape });
  g.output('y', undefined, type);
  return g.build({ opset });
}

describe('ReduceMean over all places becomes', () => {
  test.each([
    ['GlobalAveragePool', [2, 3], {}, ['Abs', 'GlobalAveragePool']],
    ['it with axes from the end, as an attribute', [-1, -2], { opset: 17 }, ['Abs', 'GlobalAveragePool']],
    ['it in one dimension', [2], { shape: [2, 3, 7] }, ['Abs', 'GlobalAveragePool']],
    ['it and a Flatten', [3, 2], { keepdims: 0 }, ['Abs', 'GlobalAveragePool', 'Flatten']],
  ])('%s', async (_, axes, options, operators) => {
    const model = mean(axes, options);
    const shape = 'shape' in options ? (options.shape as number[]) : [2, 3, 4, 5];
    await foldWith(spatialMean, model, randomFeed('x', shape, 1), operators);
    expect(model.graph.nodes.at(-1)?.outputs).toEqual(['y']);
  });

  test.each([
    [1, ['Transpose', 'GlobalAveragePool', 'Transpose']],
    [0, ['Transpose', 'GlobalAveragePool', 'Flatten']],
  ])('it, behind a Transpose that puts the channels last, keepdims %i', async (keepdims, operators) => {
    const g = new GraphBuilder();
    g.input('x', [2, 3, 4, 5]);
    g.node('Transpose', ['x'], 't', { perm: [0, 2, 3, 1] });
    g.node('ReduceMean', ['t'], 'y', { axes: [1, 2], keepdims });
    g.output('y');
    await foldWith(spatialMean, g.build(), randomFeed('x', [2, 3, 4, 5], 1), operators);
  });
});

describe('leaves alone', () => {
  test.each([
    ['a mean over the channels', [1, 2], {}],
    ['a mean over one of the places', [3], {}],
    ['a mean over all', [0, 1, 2, 3], {}],
    ['a matrix', [1], { shape: [2, 3] }],
    ['integers', [2, 3], { type: 'int32' as const }],
  ])('%s', async (_, axes, options) => {
    await leavesAlone(spatialMean, mean(axes, options));
  });

  test('axes that are fed, and a value of unknown rank', async () => {
    const fed = mean([2, 3]);
    fed.graph.initializers.delete('axes');
    fed.graph.inputs.push({ name: 'axes', dataType: 'int64', shape: [2] });
    await leavesAlone(spatialMean, fed);
    const unknown = mean([2, 3]);
    unknown.graph.valueInfo.set('r', { name: 'r', dataType: 'float32', shape: undefined });
    unknown.graph.inputs = unknown.graph.inputs.map((input) => ({ ...input, shape: undefined }));
    await leavesAlone(spatialMean, unknown);
  });
});
