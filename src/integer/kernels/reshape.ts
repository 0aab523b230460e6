import type { Node } from '../../graph/model.js';
import { concrete, type IntegerKernel, NotInteger, type ProgramSource } from '../kernel.js';
import { readMoved } from '../moved.js';
import type { Codes, Dims } from '../program.js';

/** The same codes in another shape. */
export const reshape: IntegerKernel = {
  name: 'reshape',
  opTypes: ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Dropout'],
  summary: 'another shape',
  read(node: Node, source: ProgramSource) {
    const moved = readMoved(node, source);
    const dims: Dims | undefined = source.dimsOf(node.outputs[0] ?? '');
    if (!dims || dims.filter((dim) => dim === null).length > 1)
      throw new NotInteger('its shape is not known');
    return {
      ...moved,
      parameters: { dims: dims.map((dim) => dim ?? -1) },
      run: ([codes]) => {
        const { data } = codes as Codes;
        return [moved.rescale({ dims: concrete(dims, data.length), data })];
      },
    };
  },
};
