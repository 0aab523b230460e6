import { NameScope } from '../graph/edit.js';
import { type Model, node } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatTensor } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import { batchNormNodes, batchNormOf } from './batch-norm.js';
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
  run(model: Model): number {
    const { graph } = model;
    let rewritten = 0;
    for (const found of batchNormNodes(graph)) {
      const uses = indexUses(graph);
      const bn = batchNormOf(graph, uses, found);
      const rank = bn && rankOf(graph, uses, bn.input);
      const dataType = bn && graph.initializers.get(bn.node.inputs[1] ?? '')?.dataType;
      if (!bn || !rank || rank < 2 || !dataType) continue;
      const names = new NameScope(graph);
      const dims = [bn.scale.length, ...Array.from({ length: rank - 2 }, () => 1)];
      const scale = names.fresh(`${bn.output}_scale`);
      const shift = names.fresh(`${bn.output}_shift`);
      const product = names.fresh(`${bn.output}_scaled`);
      graph.initializers.set(scale, floatTensor(dataType, dims, bn.scale));
      graph.initializers.set(shift, floatTensor(dataType, dims, bn.shift));
      const pair = [node('Mul', [bn.input, scale], [product]), node('Add', [product, shift], [bn.output])];
      graph.nodes.splice(graph.nodes.indexOf(found), 1, ...pair);
      model.batchNorms.set(bn.output, bn.moments);
      rewritten++;
    }
    return rewritten;
  },
};
