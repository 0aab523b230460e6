import { floatAttribute, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** BatchNormalization with its moving statistics, which stay as they are. */
export const batchNormalization: DerivativeRule = {
  opType: 'BatchNormalization',
  derive(node, [gradient], wanted, scope) {
    const [x = '', scale = '', , mean = '', variance = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    if (intAttribute(node, 'training_mode', 0) === 1) return 'is in training mode';
    if (wanted[3] || wanted[4]) return 'has no derivative for its statistics';
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const places = dims.slice(2).map((_, axis) => axis + 2);
    const channel = (value: string) => steps.reshape(value, [dims[1] ?? 1, ...places.map(() => 1)]);
    const deviation = steps.op('Sqrt', [
      steps.add(variance, steps.scalar(floatAttribute(node, 'epsilon', 1e-5))),
    ]);
    const byInput = wanted[0] ? steps.mul(gradient, channel(steps.div(scale, deviation))) : undefined;
    const normal = () => steps.div(steps.sub(x, channel(mean)), channel(deviation));
    const byScale = wanted[1] ? steps.sum(steps.mul(gradient, normal()), [0, ...places], false) : undefined;
    const byBias = wanted[2] ? steps.sum(gradient, [0, ...places], false) : undefined;
    return { nodes: steps.nodes, gradients: [byInput, byScale, byBias] };
  },
};
