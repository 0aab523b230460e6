import { floatAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { normalizationGradient, normalize } from '../normalization.js';
import { Steps } from '../steps.js';

/** InstanceNormalization (Ulyanov et al. 2016): every channel of every sample over its places. */
export const instanceNormalization: DerivativeRule = {
  opType: 'InstanceNormalization',
  derive(node, [gradient], wanted, scope) {
    const [x = '', scale = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const places = dims.slice(2).map((_, axis) => axis + 2);
    const normal = normalize(steps, x, dims, places, floatAttribute(node, 'epsilon', 1e-5));
    const factor = steps.reshape(scale, [dims[1] ?? 1, ...places.map(() => 1)]);
    const byInput = wanted[0]
      ? normalizationGradient(steps, steps.mul(gradient, factor), normal, dims, places)
      : undefined;
    const byScale = wanted[1]
      ? steps.sum(steps.mul(gradient, normal.value), [0, ...places], false)
      : undefined;
    const byBias = wanted[2] ? steps.sum(gradient, [0, ...places], false) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byScale, byBias] };
  },
};
