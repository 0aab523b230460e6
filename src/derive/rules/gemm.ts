import { attribute, floatAttribute, inputAt, intAttribute } from '../../graph/model.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** Gemm, Y = α·A'·B' + β·C: two more of it, and the sum over what C was broadcast along. */
export const gemm: DerivativeRule = {
  opType: 'Gemm',
  derive(node, [gradient], wanted, scope) {
    const [a = '', b = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    const steps = new Steps(scope, `${node.id}/gradient`);
    const product = (left: string, right: string, leftTurned: number, rightTurned: number) =>
      steps.op('Gemm', [left, right], {
        transA: attribute.int(leftTurned),
        transB: attribute.int(rightTurned),
        alpha: attribute.float(floatAttribute(node, 'alpha', 1)),
      });
    const byA = transA ? () => product(b, gradient, transB, 1) : () => product(gradient, b, 0, 1 - transB);
    const byB = transB ? () => product(gradient, a, 1, transA) : () => product(a, gradient, 1 - transA, 0);
    const c = inputAt(node, 2);
    const byC = () =>
      c &&
      steps.scale(
        steps.sumTo(gradient, scope.dims(node.outputs[0] ?? ''), scope.dims(c)),
        floatAttribute(node, 'beta', 1),
      );
    const rules = [byA, byB, byC];
    return { gradients: rules.map((rule, at) => (wanted[at] ? rule() : undefined)), nodes: steps.nodes };
  },
};
