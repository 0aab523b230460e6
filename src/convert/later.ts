import { attribute, type Node, stringAttribute } from '../graph/model.js';
import { listToInput } from './attributes-to-inputs.js';
import type { Converter } from './converter.js';

/** A node with one more attribute. */
const withAttribute = (node: Node, name: string, value: ReturnType<typeof attribute.int>): Node => ({
  ...node,
  attributes: new Map([...node.attributes, [name, value]]),
});

/** RoiAlign 16: pixels have their centres half a pixel off by default; before, they never had. */
const roiAlign: Converter = {
  opType: 'RoiAlign',
  since: 16,
  convert: (node) => [
    withAttribute(node, 'coordinate_transformation_mode', attribute.string('output_half_pixel')),
  ],
};

/** Split 18: without sizes the number of parts is said. */
const split: Converter = {
  opType: 'Split',
  since: 18,
  convert: (node) =>
    node.inputs[1] ? [node] : [withAttribute(node, 'num_outputs', attribute.int(node.outputs.length))],
};

/** GridSample 20: two of its modes have other names. */
const gridSample: Converter = {
  opType: 'GridSample',
  since: 20,
  convert(node) {
    const mode = stringAttribute(node, 'mode', 'bilinear');
    const named = { bilinear: 'linear', bicubic: 'cubic' }[mode] ?? mode;
    return [withAttribute(node, 'mode', attribute.string(named))];
  },
};

const REDUCTIONS = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'];

/** What opsets 14 to 21 changed. Source: the version converter of onnx, and the operator changelog. */
export const later: readonly Converter[] = [
  roiAlign,
  split,
  gridSample,
  ...REDUCTIONS.map((name) => listToInput(`Reduce${name}`, 'axes', 18)),
];
