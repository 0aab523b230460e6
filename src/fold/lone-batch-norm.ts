import { GraphEditor } from '../graph/editor.js';
import { type Model, node } from '../graph/model.js';
import { ranksOf } from '../graph/rank.js';
import { floatTensor } from '../graph/tensor.js';
import { batchNormNodes, batchNormOf } from './affine.js';
import type { Pass } from './pass.js';

/**
 * A BatchNormalization that no layer takes becomes x·scale + shift: Mul and Add, which have integer kernels.
 *
 * - The rank of the input must be known, so that scale and shift get the shape [C, 1, …, 1].
 * - The Add takes over the output's name.
 */
export const loneBatchNorm: Pass = {
  name: 'lone-batch-norm',
  summary: 'a BatchNormalization that no layer takes becomes Mul and Add',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    let rewritten = 0;
    const nodes = batchNormNodes(graph);
    if (nodes.length === 0) return 0;
    const editor = new GraphEditor(model);
    // A rank outlives the rewrite, which keeps it.
    const rankOf = ranksOf(graph, editor.uses);
    for (const found of nodes) {
      const bn = batchNormOf(graph, editor.uses, found);
      const rank = bn && rankOf(bn.input);
      const dataType = bn && graph.initializers.get(bn.node.inputs[1] ?? '')?.dataType;
      if (!bn || !rank || rank < 2 || !dataType) continue;
      const dims = [bn.scale.length, ...Array.from({ length: rank - 2 }, () => 1)];
      const scale = editor.addInitializer(`${bn.output}_scale`, floatTensor(dataType, dims, bn.scale));
      const shift = editor.addInitializer(`${bn.output}_shift`, floatTensor(dataType, dims, bn.shift));
      const product = editor.fresh(`${bn.output}_scaled`);
      const pair = [node('Mul', [bn.input, scale], [product]), node('Add', [product, shift], [bn.output])];
      editor.replace(found, ...pair);
      editor.setMoments(bn.output, bn.momentsFrom(undefined));
      rewritten++;
    }
    return rewritten;
  },
};
