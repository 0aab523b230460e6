import { clampBounds } from '../../graph/clamp-bounds.js';
import { inputAt, type Node } from '../../graph/model.js';
import { clamp as within } from '../../numerics/round.js';
import {
  activationAt,
  boundsOf,
  formOf,
  type IntegerKernel,
  NotInteger,
  type ProgramSource,
  resultOf,
} from '../kernel.js';
import type { Codes } from '../program.js';
import { lookUp, requantizeTable, rescalingOf } from '../requantize.js';

/** A Clip of codes; a Relu, a Clip or nothing between a DQ and a Q, which is a requantization. */
export const clamp: IntegerKernel = {
  name: 'requantize',
  opTypes: ['Clip', 'Relu', 'QuantizeLinear'],
  summary: 'other scale and zero point, within bounds',
  read(node: Node, source: ProgramSource) {
    const [name = ''] = node.inputs;
    const own = source.codesNamed(name);
    if (own) {
      const shift = source.codeShiftOf(name) ?? 0;
      const { low, high } = clampBounds(source.qdq.graph, node);
      const bounds = { low: Math.max(-128, low - shift), high: Math.min(127, high - shift) };
      const [output = ''] = node.outputs;
      return {
        ...{ inputs: [own], outputs: [{ ...own, name: output }], nodes: [] },
        parameters: { ...formOf(source, 1), ...bounds },
        run: ([codes]) => [
          {
            ...(codes as Codes),
            data: (codes as Codes).data.map((code) => within(code, bounds.low, bounds.high)),
          },
        ],
      };
    }
    const input = source.valueOf(activationAt(node, 0, source));
    // From the float in front of the clamp on, so that its bounds count.
    const written = resultOf(inputAt(node, 0) ?? '', source);
    if (written.nodes[0] !== node) throw new NotInteger('its result is not quantized');
    const output = source.valueOf(written);
    const table = requantizeTable(source, input, output, boundsOf(written));
    return {
      ...{ inputs: [input], outputs: [output], nodes: written.nodes },
      parameters: { ...rescalingOf(source, input, output), ...boundsOf(written) },
      run: ([codes]) => [{ ...(codes as Codes), data: lookUp((codes as Codes).data, table) }],
    };
  },
};
