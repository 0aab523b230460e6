import { floatAttribute, inputAt, intAttribute, intsAttribute, type Node } from '../graph/model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { ConvertContext, Converter } from './converter.js';

/** A copy of a node without some attributes, and with other inputs. */
export function rewritten(node: Node, inputs: readonly string[], without: readonly string[]): Node {
  const attributes = new Map([...node.attributes].filter(([name]) => !without.includes(name)));
  return { ...node, inputs: [...inputs], attributes };
}

const int64s = (values: readonly number[]): NdArray => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

const float32 = (value: number): NdArray => ({ type: 'float32', dims: [], data: Float32Array.of(value) });

/** A list of integers that became the second input: axes, split. Left out, it stays left out. */
export const listToInput = (opType: string, name: string, since = 13): Converter => ({
  opType,
  since,
  convert(node, context) {
    const values = intsAttribute(node, name);
    if (values === undefined) return [node];
    const list = context.constant(`${node.id}_${name}`, int64s(values));
    return [rewritten(node, [inputAt(node, 0) ?? '', list], [name])];
  },
});

/** Clip 11: the bounds became inputs; they were ±the largest float32 by default, which is no bound. */
const clip: Converter = {
  opType: 'Clip',
  since: 11,
  convert(node, context) {
    const bound = (name: string) =>
      node.attributes.has(name)
        ? context.constant(`${node.id}_${name}`, float32(floatAttribute(node, name, 0)))
        : '';
    const inputs = [inputAt(node, 0) ?? '', bound('min'), bound('max')];
    while (inputs.at(-1) === '') inputs.pop();
    return [rewritten(node, inputs, ['min', 'max'])];
  },
};

/** Pad 11: pads and value became inputs. */
const pad: Converter = {
  opType: 'Pad',
  since: 11,
  convert(node, context) {
    const pads = context.constant(`${node.id}_pads`, int64s(intsAttribute(node, 'pads') ?? []));
    const inputs = [inputAt(node, 0) ?? '', pads];
    const value = floatAttribute(node, 'value', 0);
    if (value !== 0) inputs.push(context.constant(`${node.id}_value`, float32(value)));
    return [rewritten(node, inputs, ['pads', 'value'])];
  },
};

/** Slice 10: starts, ends and axes became inputs; without axes they count from the first. */
const slice: Converter = {
  opType: 'Slice',
  since: 10,
  convert(node, context) {
    const starts = intsLong(node, 'starts');
    const ends = intsLong(node, 'ends');
    const axes = intsAttribute(node, 'axes') ?? starts.map((_, axis) => axis);
    const list = (name: string, values: readonly bigint[]) =>
      context.constant(`${node.id}_${name}`, {
        type: 'int64',
        dims: [values.length],
        data: BigInt64Array.from(values),
      });
    const inputs = [
      inputAt(node, 0) ?? '',
      list('starts', starts),
      list('ends', ends),
      list('axes', axes.map(BigInt)),
    ];
    return [rewritten(node, inputs, ['starts', 'ends', 'axes'])];
  },
};

/** Slices end at the largest int64 where they take all: too large for a number. */
function intsLong(node: Node, name: string): readonly bigint[] {
  const found = node.attributes.get(name);
  return found?.kind === 'ints' ? found.value : [];
}

/** TopK 10: k became an input. */
const topK: Converter = {
  opType: 'TopK',
  since: 10,
  convert(node, context) {
    const k = context.constant(`${node.id}_k`, int64s([intAttribute(node, 'k', 1)]));
    return [rewritten(node, [inputAt(node, 0) ?? '', k], ['k'])];
  },
};

/** Dropout 10: the mask became boolean, which matters only to who reads it. */
const dropoutMask: Converter = {
  opType: 'Dropout',
  since: 10,
  convert: (node, context) =>
    maskIsRead(node, context) ? 'its mask is read, and is of another type now' : [node],
};

/** Dropout 12: the ratio became an input; in inference it has no effect. */
const dropoutRatio: Converter = {
  opType: 'Dropout',
  since: 12,
  convert(node, context) {
    const ratio = context.constant(`${node.id}_ratio`, float32(floatAttribute(node, 'ratio', 0.5)));
    return [rewritten(node, [inputAt(node, 0) ?? '', ratio], ['ratio', 'seed'])];
  },
};

const maskIsRead = (node: Node, context: ConvertContext): boolean =>
  node.outputs[1] !== undefined && node.outputs[1] !== '' && context.isRead(node.outputs[1]);

/** BatchNormalization 9: `spatial` went; 1 was its default and is what remains. */
const batchNormalization: Converter = {
  opType: 'BatchNormalization',
  since: 9,
  convert: (node) =>
    intAttribute(node, 'spatial', 1) === 1
      ? [rewritten(node, node.inputs, ['spatial'])]
      : 'its statistics are one for each position (spatial = 0)',
};

/** Scatter 11: renamed to ScatterElements. */
const scatter: Converter = {
  opType: 'Scatter',
  since: 11,
  convert: (node) => [{ ...node, opType: 'ScatterElements' }],
};

/** ArgMax and the like kept their axis; Upsample and Resize are in resize.ts, Softmax in softmax.ts. */
export const attributesToInputs: readonly Converter[] = [
  batchNormalization,
  slice,
  topK,
  dropoutMask,
  clip,
  pad,
  scatter,
  dropoutRatio,
  listToInput('Squeeze', 'axes'),
  listToInput('Unsqueeze', 'axes'),
  listToInput('ReduceSum', 'axes'),
  listToInput('Split', 'split'),
];
