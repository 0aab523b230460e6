import { elementCount } from '../../numerics/nd-array.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';
import { reduceSum } from './reduce-sum.js';

/** ReduceMean: as the sum, by the number of elements that one mean is of. */
export const reduceMean: DerivativeRule = {
  opType: 'ReduceMean',
  derive(node, [gradient], wanted, scope) {
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const [from, to] = [scope.dims(node.inputs[0] ?? ''), scope.dims(node.outputs[0] ?? '')];
    const share = steps.scale(gradient, elementCount(to) / elementCount(from));
    const found = reduceSum.derive(node, [share], wanted, scope);
    return typeof found === 'string' ? found : { ...found, nodes: [...steps.nodes, ...found.nodes] };
  },
};
