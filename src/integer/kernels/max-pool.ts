import { inputAt, intsAttribute, type Node } from '../../graph/model.js';
import { type IntegerKernel, NotInteger, type ProgramSource } from '../kernel.js';
import { readMoved } from '../moved.js';
import type { Codes } from '../program.js';
import { outputSize, planesOf, type Window, windowOf, withPlanes } from '../window.js';

/** The largest code of a window: quantization is monotonic, so that codes are compared as they are. */
export const maxPool: IntegerKernel = {
  name: 'max-pool',
  opTypes: ['MaxPool'],
  summary: 'maximum over a window',
  read(node: Node, source: ProgramSource) {
    if (node.outputs[1]) throw new NotInteger('its indices are an output too');
    const moved = readMoved(node, source);
    const dims = source.dimsOf(inputAt(node, 0) ?? '');
    const window = windowOf(node, intsAttribute(node, 'kernel_shape') ?? [], dims);
    return {
      ...moved,
      parameters: { ...window },
      run: ([codes]) => [moved.rescale(runMaxPool(window, codes as Codes))],
    };
  },
};

/** The codes of maxima of [N, C, H, W] or [N, C, W]; what lies outside is below all. */
export function runMaxPool(p: Window, input: Codes): Codes {
  const [n, c, h, w] = planesOf(input.dims);
  const [oh, ow] = outputSize(p, h, w);
  const data = new Int8Array(n * c * oh * ow);
  let to = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < oh; y++)
      for (let x = 0; x < ow; x++) {
        let most = -128;
        for (let k = 0; k < p.kernel[0] * p.kernel[1]; k++) {
          const row = y * p.strides[0] - p.pads[0] + Math.floor(k / p.kernel[1]) * p.dilations[0];
          const column = x * p.strides[1] - p.pads[1] + (k % p.kernel[1]) * p.dilations[1];
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          most = Math.max(most, input.data[(plane * h + row) * w + column] as number);
        }
        data[to++] = most;
      }
  return { dims: withPlanes(input.dims, n, c, oh, ow), data };
}
