import { dataTypeCodes, dataTypeOf } from '../graph/data-type.js';
import {
  attribute,
  inputAt,
  intAttribute,
  intsAttribute,
  type Node,
  node,
  stringAttribute,
} from '../graph/model.js';
import { rewritten } from './attributes-to-inputs.js';
import type { ConvertContext, Converter } from './converter.js';

/** Operators that opset 6 changed by taking away `consumed_inputs`, a hint that no runtime follows any more. */
const withoutHint = [
  ...[
    'Abs',
    'Add',
    'BatchNormalization',
    'Ceil',
    'Clip',
    'Div',
    'Dropout',
    'Elu',
    'Exp',
    'Floor',
    'HardSigmoid',
  ],
  ...['InstanceNormalization', 'LeakyRelu', 'Log', 'Max', 'Mean', 'Min', 'Mul', 'Neg', 'PRelu', 'Reciprocal'],
  ...['Relu', 'Selu', 'Sigmoid', 'Sqrt', 'Sub', 'Sum', 'Tanh'],
].map(
  (opType): Converter => ({
    opType,
    since: 6,
    convert: (old) => [rewritten(old, old.inputs, ['consumed_inputs'])],
  }),
);

/** Cast 6: the type became its number; it was its name. */
const cast: Converter = {
  opType: 'Cast',
  since: 6,
  convert(old) {
    const name = stringAttribute(old, 'to', '').toLowerCase();
    const type = { float: 'float32', double: 'float64' }[name] ?? name;
    const code = dataTypeCodes[type as keyof typeof dataTypeCodes] as number | undefined;
    if (old.attributes.get('to')?.kind === 'int') return [old];
    if (code === undefined || dataTypeOf(code) === undefined) return `it casts to "${name}"`;
    const made = rewritten(old, old.inputs, ['to']);
    made.attributes.set('to', attribute.int(code));
    return [made];
  },
};

/** Tile 6: one list of repeats for all axes; it was one axis and one number, both as inputs. */
const tile: Converter = {
  opType: 'Tile',
  since: 6,
  convert(old, context) {
    if (old.inputs.length !== 3) return [old];
    const [x = '', tiles = '', axis = ''] = old.inputs;
    const rank = context.rankOf(x);
    const [times, at] = [tiles, axis].map((name) => Number(context.constantOf(name)?.data[0] ?? Number.NaN));
    if (rank === undefined || times === undefined || at === undefined || Number.isNaN(times + at))
      return 'it repeats along one axis, which is computed, or of a value whose rank is not known';
    const repeats = Array.from({ length: rank }, (_, i) => BigInt(i === at ? times : 1));
    const list = context.constant(`${old.id}_repeats`, {
      type: 'int64',
      dims: [rank],
      data: BigInt64Array.from(repeats),
    });
    return [rewritten(old, [x, list], [])];
  },
};

/** Reshape 5: the shape became an input; files that say opset 5 or 6 have it as an attribute, too. */
const reshape: Converter = {
  opType: 'Reshape',
  since: 5,
  convert(old, context) {
    const shape = intsAttribute(old, 'shape');
    if (shape === undefined) return [old];
    const list = context.constant(`${old.id}_shape`, {
      type: 'int64',
      dims: [shape.length],
      data: BigInt64Array.from(shape, BigInt),
    });
    return [rewritten(old, [inputAt(old, 0) ?? '', list], ['shape', 'consumed_inputs'])];
  },
};

/**
 * Add and the like 7: shapes are aligned at their last axes. Before, the second operand could stand at any axis of the
 * first (`axis`), and was repeated only where `broadcast` said so.
 */
const broadcasting = (opType: string): Converter => ({
  opType,
  since: 7,
  convert(old, context) {
    const [a = '', b = ''] = old.inputs;
    const made = (second: string) => rewritten(old, [a, second], ['axis', 'broadcast']);
    if (intAttribute(old, 'broadcast', 0) === 0 || !old.attributes.has('axis')) return [made(b)];
    return alignedAt(b, context.rankOf(a), intAttribute(old, 'axis', 0), old, context, made);
  },
});

/** PRelu 7: the slope is aligned at the last axes, too; before, a slope a channel stood at axis 1. */
const prelu: Converter = {
  opType: 'PRelu',
  since: 7,
  convert(old, context) {
    const [x = '', slope = ''] = old.inputs;
    const elements = context.constantOf(slope)?.data.length;
    if (elements === 1) return [old];
    const made = (second: string) => rewritten(old, [x, second], []);
    if (context.rankOf(slope) !== 1)
      return context.rankOf(slope) === undefined ? 'its slope has no known rank' : [old];
    return alignedAt(slope, context.rankOf(x), 1, old, context, made);
  },
};

/** Give the second operand ones behind its axes, so that it stands at `axis` of one of that rank. */
function alignedAt(
  operand: string,
  rank: number | undefined,
  axis: number,
  old: Node,
  context: ConvertContext,
  made: (operand: string) => Node,
): readonly Node[] | string {
  const own = context.rankOf(operand);
  if (rank === undefined || own === undefined) return 'the ranks of its operands are not known';
  const behind = rank - (axis < 0 ? axis + rank : axis) - own;
  if (behind < 0) return 'its second operand does not fit at its axis';
  if (behind === 0) return [made(operand)];
  const constant = context.constantOf(operand);
  if (constant) {
    const dims = [...constant.dims, ...Array.from({ length: behind }, () => 1)];
    return [made(context.constant(`${old.id}_operand`, { ...constant, dims }))];
  }
  const aligned = context.fresh(`${old.id}_operand`);
  const axes = Array.from({ length: behind }, (_, i) => own + i);
  return [node('Unsqueeze', [operand], [aligned], { axes: attribute.ints(axes) }), made(aligned)];
}

/** An attribute of training that went with opset 7; where it asks for training, there is no model to quantize. */
const inference = (opType: string): Converter => ({
  opType,
  since: 7,
  convert: (old) =>
    opType === 'BatchNormalization' &&
    intAttribute(old, 'is_test', 0) === 0 &&
    old.outputs.some((name, i) => name && i > 0)
      ? 'it takes the statistics of its batch (is_test = 0)'
      : [rewritten(old, old.inputs, ['is_test'])],
});

const without = (opType: string, ...names: string[]): Converter => ({
  opType,
  since: 7,
  convert: (old) => [rewritten(old, old.inputs, names)],
});

/** Upsample 7: one factor for each axis; it was one for the height and one for the width. */
const upsample: Converter = {
  opType: 'Upsample',
  since: 7,
  convert(old) {
    const factor = (name: string) => {
      const found = old.attributes.get(name);
      return found?.kind === 'float' ? found.value : 1;
    };
    if (old.attributes.has('scales')) return [old];
    const made = rewritten(old, [inputAt(old, 0) ?? ''], ['height_scale', 'width_scale']);
    made.attributes.set('scales', {
      kind: 'floats',
      value: [1, 1, factor('height_scale'), factor('width_scale')],
    });
    return [made];
  },
};

/** From opset 5 and 6 to 7, the oldest that onnxruntime runs. */
export const early: readonly Converter[] = [
  reshape,
  ...withoutHint,
  cast,
  tile,
  ...['Add', 'And', 'Div', 'Equal', 'Greater', 'Less', 'Mul', 'Or', 'Pow', 'Sub', 'Xor'].map(broadcasting),
  prelu,
  without('Gemm', 'broadcast'),
  inference('BatchNormalization'),
  inference('Dropout'),
  without('GRU', 'output_sequence'),
  without('LSTM', 'output_sequence'),
  without('RNN', 'output_sequence'),
  upsample,
];
