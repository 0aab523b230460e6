import { intAttribute, intsAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';
import { axisMap, transposedMaps } from '../linear-axis.js';
import { windowOf } from '../window.js';

/** AveragePool, of any rank: a mean along each axis, so the transposed means along each. */
export const averagePool = elementwise('AveragePool', ({ steps, gradient, x, y, node, scope }) => {
  const [from, to] = [scope.dims(x), scope.dims(y)];
  const kernel = intsAttribute(node, 'kernel_shape') ?? [];
  const window = windowOf(node, kernel, from.slice(2), to.slice(2));
  const countsPadding = intAttribute(node, 'count_include_pad', 0) === 1;
  const maps = kernel.map((size, at) => {
    const [length = 1, places = 1] = [from[at + 2], to[at + 2]];
    const [stride = 1, dilation = 1] = [window.strides[at], window.dilations[at]];
    const [begin = 0, end = 0] = [window.begins[at], window.ends[at]];
    const entries = Array.from({ length: places }, (_, row) => {
      const met = Array.from({ length: size }, (_, tap) => row * stride - begin + tap * dilation);
      const inside = met.filter((column) => column >= 0 && column < length);
      // A window that reaches past the padding too (ceil_mode) counts only what is there.
      const padded = met.filter((column) => column >= -begin && column < length + end);
      const count = countsPadding ? padded.length : inside.length;
      return inside.map((column) => [row, column, 1 / count] as const);
    });
    return axisMap(at + 2, length, places, entries.flat());
  });
  return transposedMaps(steps, gradient, to, maps);
});
