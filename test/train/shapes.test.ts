import { expect, it } from 'vitest';
import { shapesIn } from '../../src/train/shapes.js';
import { GraphBuilder } from '../support/graph-builder.js';

it('every value has the type and the shape that it has in a run, whatever the model states', async () => {
  const g = new GraphBuilder();
  g.input('x', ['n', 3]);
  g.constant('half', [1], [0.5]);
  g.node('Relu', ['x'], 'r');
  g.node('Greater', ['r', 'half'], 'above');
  g.node('Shape', ['above'], 'shape');
  g.node('Transpose', ['r'], 'turned');
  // As many as are above, which nothing but a run tells.
  g.node('NonZero', ['above'], 'places');
  g.output('turned', [3, 'n']);
  const data = Float32Array.of(-1, 1, 2, 0, 0.25, 3);
  const shapes = await shapesIn(g.build(), { x: { type: 'float32', dims: [2, 3], data } });
  expect(Object.fromEntries(shapes)).toEqual({
    x: { dataType: 'float32', dims: [2, 3] },
    half: { dataType: 'float32', dims: [1] },
    r: { dataType: 'float32', dims: [2, 3] },
    above: { dataType: 'bool', dims: [2, 3] },
    shape: { dataType: 'int64', dims: [2] },
    turned: { dataType: 'float32', dims: [3, 2] },
    places: { dataType: 'int64', dims: [2, 3] },
  });
});
