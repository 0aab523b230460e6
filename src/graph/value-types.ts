import { type DataType, dataTypeOf } from './data-type.js';
import { type Graph, inputAt, intAttribute, isOp, type Node } from './model.js';

/** Operators whose first output has the type of their second input. */
const likeSecond = ['DequantizeLinear', 'Where'];
const integers: Readonly<Record<string, DataType>> = {
  ...{ Shape: 'int64', Size: 'int64', NonZero: 'int64', ArgMax: 'int64', ArgMin: 'int64' },
  ...{ NonMaxSuppression: 'int64', ConvInteger: 'int32', MatMulInteger: 'int32' },
  ...{ Equal: 'bool', Greater: 'bool', GreaterOrEqual: 'bool', Less: 'bool', LessOrEqual: 'bool' },
  ...{ And: 'bool', Or: 'bool', Not: 'bool', Xor: 'bool', IsNaN: 'bool', IsInf: 'bool' },
};

/** Operators of the default domain whose results have the type of their first input: what the standard calls T. */
const likeFirst: ReadonlySet<string> = new Set(
  [
    'Abs Add And AveragePool BatchNormalization Ceil Celu Clip Concat Conv ConvTranspose Cos CumSum DeformConv',
    'DepthToSpace Div Dropout Einsum Elu Erf Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm',
    'GlobalAveragePool GlobalMaxPool GridSample GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN',
    'LSTM LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MatMul Max MaxPool Mean Min Mish Mod Mul Neg PRelu',
    'Pad Pow RMSNormalization RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean',
    'ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Sigmoid',
    'Sign SimplifiedLayerNormalization Sin Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish',
    'Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample',
  ].flatMap((line) => line.split(' ')),
);

/** Operators with further outputs that are of another type than their first. */
const otherOutputs: Readonly<Record<string, DataType>> = { Dropout: 'bool', MaxPool: 'int64', TopK: 'int64' };

/**
 * The element types of a graph's values, as far as what is stated and what operators say of them goes; values of bodies are
 * not among them.
 */
export function valueTypes(graph: Graph): Map<string, DataType> {
  const types = new Map<string, DataType>();
  for (const { name, dataType } of [...graph.inputs, ...graph.outputs, ...graph.valueInfo.values()])
    if (dataType) types.set(name, dataType);
  for (const [name, { dataType }] of graph.initializers) types.set(name, dataType);
  for (const node of graph.nodes)
    node.outputs.forEach((output, index) => {
      const type = output && !types.has(output) ? typeOf(node, index, types) : undefined;
      if (type) types.set(output, type);
    });
  return types;
}

function typeOf(node: Node, output: number, types: ReadonlyMap<string, DataType>): DataType | undefined {
  const { opType, domain } = node;
  const typeAt = (index: number) => types.get(inputAt(node, index) ?? '');
  if (domain !== '') {
    if (opType === 'DequantizeLinear') return typeAt(1);
    return opType === 'MatMulNBits' ? typeAt(0) : undefined;
  }
  if (opType === 'Cast') return dataTypeOf(intAttribute(node, 'to', 0));
  if (opType === 'QuantizeLinear') return typeAt(2) ?? 'uint8';
  if (opType === 'DynamicQuantizeLinear') return output === 1 ? 'float32' : 'uint8';
  if (opType === 'ConstantOfShape') {
    const value = node.attributes.get('value');
    return value?.kind === 'tensor' ? value.value.dataType : 'float32';
  }
  if (isOp(node, ...likeSecond)) return typeAt(1);
  if (Object.hasOwn(integers, opType)) return integers[opType];
  if (output > 0 && Object.hasOwn(otherOutputs, opType)) return otherOutputs[opType];
  return likeFirst.has(opType) ? typeAt(0) : undefined;
}
