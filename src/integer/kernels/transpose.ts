import { intsAttribute, type Node } from '../../graph/model.js';
import type { IntegerKernel, ProgramSource } from '../kernel.js';
import { readMoved, stepsOf, strided } from '../moved.js';
import type { Codes } from '../program.js';

/** The same codes, their axes in another order. */
export const transpose: IntegerKernel = {
  name: 'transpose',
  opTypes: ['Transpose'],
  summary: 'axes in another order',
  read(node: Node, source: ProgramSource) {
    const moved = readMoved(node, source);
    const rank = moved.inputs[0].dims?.length ?? 0;
    const permutation = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    return {
      ...moved,
      parameters: { permutation },
      run: ([codes]) => {
        const { dims, data } = codes as Codes;
        const steps = stepsOf(dims);
        const order = (of: readonly number[]) => permutation.map((axis) => of[axis] as number);
        return [moved.rescale(strided(data, order(dims), order(steps)))];
      },
    };
  },
};
