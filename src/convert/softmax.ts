import { attribute, inputAt, intAttribute, type Node, node } from '../graph/model.js';
import { rewritten } from './attributes-to-inputs.js';
import type { Converter } from './converter.js';

/**
 * Softmax, LogSoftmax and Hardmax 13 work along one axis (−1 by default). Before, they took all axes from `axis` on
 * (1 by default) as one: the same where that is the last axis, and otherwise Flatten → the operator → Reshape back.
 */
const alongOneAxis = (opType: string): Converter => ({
  opType,
  since: 13,
  convert(old, context): readonly Node[] {
    const input = inputAt(old, 0) ?? '';
    const axis = intAttribute(old, 'axis', 1);
    const rank = context.rankOf(input);
    const isLast = axis === -1 || (rank !== undefined && axis === rank - 1);
    const along = (from: Node, at: number): Node => ({
      ...from,
      attributes: new Map([...from.attributes, ['axis', attribute.int(at)]]),
    });
    if (isLast) return [along(old, -1)];
    const shape = context.fresh(`${old.id}_shape`);
    const matrix = context.fresh(`${old.id}_matrix`);
    const result = context.fresh(`${old.id}_rows`);
    return [
      node('Shape', [input], [shape]),
      node('Flatten', [input], [matrix], { axis: attribute.int(axis) }),
      { ...along(rewritten(old, [matrix], []), -1), outputs: [result] },
      node('Reshape', [result, shape], old.outputs),
    ];
  },
});

export const softmaxes: readonly Converter[] = ['Softmax', 'LogSoftmax', 'Hardmax'].map(alongOneAxis);
