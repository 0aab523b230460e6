import type { Node } from '../graph/model.js';
import type { DerivativeRule, Scope } from './derivative.js';
import { Steps } from './steps.js';

/** What the gradient of a function of one value is made of. */
export interface Elementwise {
  readonly steps: Steps;
  readonly gradient: string;
  readonly x: string;
  readonly y: string;
  readonly node: Node;
  readonly scope: Scope;
}

/** The rule of a function of one value, element by element: its gradient times the slope there. */
export function elementwise(
  opType: string,
  slope: (at: Elementwise) => string,
  domains?: readonly string[],
): DerivativeRule {
  return {
    opType,
    ...(domains && { domains }),
    derive(node, [gradient], wanted, scope) {
      if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
      const steps = new Steps(scope, `${node.id}/gradient`);
      const [x = ''] = node.inputs;
      const [y = ''] = node.outputs;
      const byInput = slope({ steps, gradient, x, y, node, scope });
      return { nodes: steps.nodes, gradients: [byInput] };
    },
  };
}
