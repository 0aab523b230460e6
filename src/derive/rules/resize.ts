import { inputAt, intAttribute, intsAttribute, type Node, stringAttribute } from '../../graph/model.js';
import { floatsOf } from '../../graph/tensor.js';
import type { DerivativeRule, Scope } from '../derivative.js';
import { type AxisMap, axisMap, transposedMaps } from '../linear-axis.js';
import { Steps } from '../steps.js';

/** Resize by nearest or linear interpolation: its weights transposed, axis by axis. */
export const resize: DerivativeRule = {
  opType: 'Resize',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const [from, to] = [scope.dims(x), scope.dims(node.outputs[0] ?? '')];
    const scales = scalesOf(node, scope, from, to);
    if (typeof scales === 'string') return scales;
    const mode = stringAttribute(node, 'mode', 'nearest');
    if (mode !== 'nearest' && mode !== 'linear') return `interpolates by ${mode}`;
    if (intAttribute(node, 'antialias', 0) === 1) return 'smooths what it makes smaller (antialias)';
    const placing = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
    if (!isPlacing(placing)) return `places its samples by ${placing}`;
    const maps: AxisMap[] = [];
    from.forEach((length, axis) => {
      const [made = length, scale = 1] = [to[axis], scales[axis]];
      if (made === length && scale === 1) return;
      const at = (row: number) => placings[placing](row, scale, made, length);
      const entries = Array.from({ length: made }, (_, row) =>
        mode === 'nearest'
          ? [[row, clamp(nearest(node, at(row)), length), 1] as const]
          : linear(row, at(row), length),
      );
      maps.push(axisMap(axis, length, made, entries.flat()));
    });
    const steps = new Steps(scope, `${node.id}/gradient`);
    return { gradients: [transposedMaps(steps, gradient, to, maps)], nodes: steps.nodes };
  },
};

/** Where an output element lies on the input, by coordinate_transformation_mode. */
const placings = {
  half_pixel: (at: number, scale: number, _made: number, _length: number) => (at + 0.5) / scale - 0.5,
  pytorch_half_pixel: (at: number, scale: number, made: number, _length: number) =>
    made > 1 ? (at + 0.5) / scale - 0.5 : 0,
  align_corners: (at: number, _scale: number, made: number, length: number) =>
    made > 1 ? (at * (length - 1)) / (made - 1) : 0,
  asymmetric: (at: number, scale: number, _made: number, _length: number) => at / scale,
} as const;

const isPlacing = (name: string): name is keyof typeof placings => name in placings;

/** The scale of each axis: as given, or by the sizes. */
function scalesOf(
  node: Node,
  scope: Scope,
  from: readonly number[],
  to: readonly number[],
): number[] | string {
  const bySize = from.map((length, axis) => (to[axis] ?? length) / length);
  const given = inputAt(node, 2);
  if (given === undefined) {
    if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
      return 'keeps the aspect ratio';
    }
    return bySize;
  }
  const constant = scope.constant(given);
  if (!constant) return 'has computed scales';
  const values = floatsOf(constant);
  if (values.length === 0) return bySize;
  const axes = intsAttribute(node, 'axes') ?? from.map((_, axis) => axis);
  const scales = from.map(() => 1);
  axes.forEach((axis, at) => {
    scales[axis < 0 ? axis + from.length : axis] = values[at] ?? 1;
  });
  return scales;
}

function nearest(node: Node, at: number): number {
  switch (stringAttribute(node, 'nearest_mode', 'round_prefer_floor')) {
    case 'floor':
      return Math.floor(at);
    case 'ceil':
      return Math.ceil(at);
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5);
    default:
      return Math.ceil(at - 0.5);
  }
}

function linear(row: number, at: number, length: number) {
  const low = Math.floor(at);
  const share = at - low;
  return [[row, clamp(low, length), 1 - share] as const, [row, clamp(low + 1, length), share] as const];
}

const clamp = (place: number, length: number) => Math.min(Math.max(place, 0), length - 1);
