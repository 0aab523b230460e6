import { intAttribute, type Node } from '../../graph/model.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { IntegerKernel, ProgramSource } from '../kernel.js';
import { readOperands } from '../pair.js';
import type { Codes } from '../program.js';
import { lookUp, requantizeTable, rescalingOf } from '../requantize.js';

/** Concat: each operand brought to the result's scale and zero point, y = Z_y + M·(x − Z_x). */
export const concat: IntegerKernel = {
  name: 'concat',
  opTypes: ['Concat'],
  summary: 'concatenation',
  read(node: Node, source: ProgramSource) {
    const { inputs, output, bounds, nodes, constants } = readOperands(node, source);
    const axis = intAttribute(node, 'axis', 0);
    const forms = inputs.map((input) => rescalingOf(source, input, output));
    const tables = inputs.map((input) => requantizeTable(source, input, output, bounds));
    return {
      ...{ inputs, outputs: [output], nodes, constants },
      parameters: {
        axis,
        multipliers: forms.map(({ multiplier }) => multiplier),
        shifts: forms.map(({ shift }) => shift),
        ...bounds,
      },
      run: (parts) => [
        joined(
          parts.map(({ dims, data }, i) => ({ dims, data: lookUp(data, tables[i] as Int8Array) })),
          axis,
        ),
      ],
    };
  },
};

/** Parts one after another along an axis. */
export function joined(parts: readonly Codes[], axis: number): Codes {
  const [{ dims: first } = { dims: [] }] = parts;
  const along = axis < 0 ? axis + first.length : axis;
  const dims = [...first];
  dims[along] = parts.reduce((sum, part) => sum + (part.dims[along] as number), 0);
  const data = new Int8Array(elementCount(dims));
  const outer = elementCount(dims.slice(0, along));
  const rows = parts.map((part) => elementCount(part.dims.slice(along)));
  let to = 0;
  for (let i = 0; i < outer; i++)
    parts.forEach((part, p) => {
      const length = rows[p] as number;
      data.set(part.data.subarray(i * length, (i + 1) * length), to);
      to += length;
    });
  return { dims, data };
}
