import { floatAttribute, inputAt, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { axesFrom, normalizationGradient, normalize } from '../normalization.js';
import { Steps } from '../steps.js';

/** LayerNormalization (Ba et al. 2016). Its mean and deviation, where they are outputs, may not be read. */
export const layerNormalization: DerivativeRule = {
  opType: 'LayerNormalization',
  derive(node, [gradient, ...others], wanted, scope) {
    const [x = '', scale = ''] = node.inputs;
    const bias = inputAt(node, 2);
    if (others.some((other) => other !== undefined)) return 'has its mean or deviation read';
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const axes = axesFrom(intAttribute(node, 'axis', -1), dims.length);
    const normal = normalize(steps, x, dims, axes, floatAttribute(node, 'epsilon', 1e-5));
    const byInput = wanted[0]
      ? normalizationGradient(steps, steps.mul(gradient, scale), normal, dims, axes)
      : undefined;
    const byScale = wanted[1]
      ? steps.sumTo(steps.mul(gradient, normal.value), dims, scope.dims(scale))
      : undefined;
    const byBias = wanted[2] && bias ? steps.sumTo(gradient, dims, scope.dims(bias)) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byScale, byBias] };
  },
};
