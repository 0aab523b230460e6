import type { Model } from '../../src/graph/model.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';

/** x [1, 4] → MatMul → Add → y [1, 3]: the smallest model that there is something to quantize in. */
export function smallModel(versions: { opset?: number; irVersion?: number } = {}): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.constant('w', [4, 3], randomFloats(12, 1));
  g.constant('b', [3], randomFloats(3, 2));
  g.node('MatMul', ['x', 'w'], 'product');
  g.node('Add', ['product', 'b'], 'y');
  g.output('y', [1, 3]);
  return g.build(versions);
}
