import { floatAttribute, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { normalizationGradient, normalize } from '../normalization.js';
import { Steps } from '../steps.js';

/** GroupNormalization (Wu and He 2018): groups of channels; scale and bias a channel, or a group (opset 18). */
export const groupNormalization: DerivativeRule = {
  opType: 'GroupNormalization',
  derive(node, [gradient], wanted, scope) {
    const [x = '', scale = '', bias = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const dims = scope.dims(x);
    const [samples = 1, channels = 1, ...places] = dims;
    const groups = intAttribute(node, 'num_groups', 1);
    // [samples, groups, channels of a group, places …]: a scale a group or a channel broadcasts the same way.
    const grouped = [samples, groups, channels / groups, ...places];
    const axes = grouped.map((_, axis) => axis).slice(2);
    const perGroup = (scope.dims(scale)[0] ?? 1) === channels ? channels / groups : 1;
    const factors = [groups, perGroup, ...places.map(() => 1)];
    const dy = steps.reshape(gradient, grouped);
    const normal = normalize(
      steps,
      steps.reshape(x, grouped),
      grouped,
      axes,
      floatAttribute(node, 'epsilon', 1e-5),
    );
    const inner = () =>
      normalizationGradient(steps, steps.mul(dy, steps.reshape(scale, factors)), normal, grouped, axes);
    const summed = (value: string, to: string) =>
      steps.reshape(steps.sumTo(value, grouped, factors), scope.dims(to));
    return {
      gradients: [
        wanted[0] ? steps.reshape(inner(), dims) : undefined,
        wanted[1] ? summed(steps.mul(dy, normal.value), scale) : undefined,
        wanted[2] ? summed(dy, bias) : undefined,
      ],
      nodes: steps.nodes,
    };
  },
};
