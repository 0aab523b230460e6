import { inputAt, intAttribute, intsAttribute, type Node } from '../../graph/model.js';
import { integersOf } from '../../graph/tensor.js';
import { type IntegerKernel, NotInteger, type ProgramSource } from '../kernel.js';
import { readMoved, stepsOf, strided } from '../moved.js';
import type { Codes } from '../program.js';

/** Parts one after another along an axis (TFLite's Split and SplitV). */
export const split: IntegerKernel = {
  name: 'split',
  opTypes: ['Split'],
  summary: 'parts along an axis',
  read(node: Node, source: ProgramSource) {
    const moved = readMoved(node, source);
    const axis = intAttribute(node, 'axis', 0);
    const sizes = sizesOf(node, source, axis);
    return {
      ...moved,
      parameters: { axis, sizes },
      run: ([codes]) => {
        const parts = partsOf(codes as Codes, axis, sizes).map(moved.rescale);
        return parts.filter((_, i) => node.outputs[i]);
      },
    };
  },
};

/** How long each part is: as given, else as long as the others, the last maybe shorter. */
function sizesOf(node: Node, source: ProgramSource, axis: number): readonly number[] {
  const name = inputAt(node, 1);
  const tensor = name === undefined ? undefined : source.qdq.graph.initializers.get(name);
  if (name !== undefined && !tensor) throw new NotInteger('its sizes are computed');
  const given = tensor ? integersOf(tensor) : intsAttribute(node, 'split');
  if (given) return Array.from(given);
  const size = source.dimsOf(inputAt(node, 0) ?? '')?.at(axis);
  if (typeof size !== 'number') throw new NotInteger('it splits a size that is not known');
  const count = intAttribute(node, 'num_outputs', node.outputs.length);
  const each = Math.ceil(size / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

function partsOf({ dims, data }: Codes, given: number, sizes: readonly number[]): Codes[] {
  const axis = given < 0 ? given + dims.length : given;
  const steps = stepsOf(dims);
  let from = 0;
  return sizes.map((size) => {
    const part = strided(
      data,
      dims.map((dim, at) => (at === axis ? size : dim)),
      steps,
      from * (steps[axis] as number),
    );
    from += size;
    return part;
  });
}
