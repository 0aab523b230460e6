import { attribute, type Model } from '../../src/graph/model.js';
import { batchNormInputs } from './fold-with.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';

/** A small net as an exporter writes it: shapes and constants computed, everything that a pass is for. */
export function exportedModel(): Model {
  const g = new GraphBuilder();
  g.input('x', [2, 3, 6, 6]);
  g.constant('w1', [4, 3, 3, 3], randomFloats(108, 1));
  g.node('Conv', ['x', 'w1'], 'c1', { pads: [1, 1, 1, 1] });
  g.node('BatchNormalization', batchNormInputs(g, 'c1', 4), 'n1');
  g.node('Relu', ['n1'], 'r1');
  // Before a padded Conv: no layer can take it.
  g.node('BatchNormalization', batchNormInputs(g, 'r1', 4, 50), 'n2');
  g.constant('w2', [4, 4, 3, 3], randomFloats(144, 2));
  g.node('Conv', ['n2', 'w2'], 'c2', { pads: [1, 1, 1, 1] });
  g.node('Dropout', ['c2'], ['d', 'mask']);
  g.node('Constant', [], 'rows', { value_ints: attribute.ints([2]) });
  g.node('Constant', [], 'rest', { value_ints: attribute.ints([-1]) });
  g.node('Concat', ['rows', 'rest'], 'shape', { axis: 0 });
  g.node('Reshape', ['d', 'shape'], 'flat');
  g.constant('w3', [144, 5], randomFloats(720, 3));
  g.node('Gemm', ['flat', 'w3'], 'logits', { alpha: attribute.float(0.5) });
  g.node('Identity', ['logits'], 'y');
  g.output('y', [2, 5]);
  return g.build();
}
