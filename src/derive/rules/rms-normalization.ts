import { floatAttribute, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { axesFrom, normalizationGradient, normalize } from '../normalization.js';
import { Steps } from '../steps.js';

/** RMSNormalization (Zhang and Sennrich 2019): as layer normalization, the mean left in. */
export const rmsNormalization: DerivativeRule = {
  opType: 'RMSNormalization',
  derive(node, [gradient], wanted, scope) {
    const [x = '', scale = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const axes = axesFrom(intAttribute(node, 'axis', -1), dims.length);
    const normal = normalize(steps, x, dims, axes, floatAttribute(node, 'epsilon', 1e-5), false);
    const byInput = wanted[0]
      ? normalizationGradient(steps, steps.mul(gradient, scale), normal, dims, axes, false)
      : undefined;
    const byScale = wanted[1]
      ? steps.sumTo(steps.mul(gradient, normal.value), dims, scope.dims(scale))
      : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byScale] };
  },
};
