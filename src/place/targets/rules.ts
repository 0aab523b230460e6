import type { DataType } from '../../graph/data-type.js';
import { inputAt, isOp, type Node } from '../../graph/model.js';
import { type CodesRead, isQuantizing } from '../../graph/qdq-graph.js';
import { integersOf } from '../../graph/tensor.js';
import { isQuantizedLayer } from './checked-file.js';
import type { Breach, CheckedFile, TargetRule } from './target.js';

/** What a rule is beside what it checks. */
type Stated = Pick<TargetRule, 'source'> & Partial<Pick<TargetRule, 'otherwise' | 'summary'>>;

const rule = (
  name: string,
  summary: string,
  stated: Stated,
  check: (file: CheckedFile) => Breach[],
): TargetRule => ({ name, summary, otherwise: 'refused', ...stated, check });

const at = (node: Node, problem: string): Breach => ({ node: node.outputs[0] ?? '', problem });

/** Activations of these types alone. */
export function activationTypes(types: readonly DataType[], stated: Stated): TargetRule {
  return rule('activation-types', `activations are ${types.join(' or ')}`, stated, ({ activations }) =>
    activations.flatMap(({ node, grid }) =>
      grid && !types.includes(grid.type) ? [at(node, `${node.opType} of ${grid.type}`)] : [],
    ),
  );
}

/** Weights of these types alone. */
export function weightTypes(types: readonly DataType[], stated: Stated): TargetRule {
  return rule('weight-types', `weights are ${types.join(' or ')}`, stated, ({ weights }) =>
    weights.flatMap(({ layer, read }) =>
      types.includes(read.grid.type) ? [] : [at(layer, `its weight is ${read.grid.type}`)],
    ),
  );
}

/** Zero point 0 of activations. */
export function symmetricActivations(stated: Stated): TargetRule {
  return rule('symmetric-activations', 'activations have zero point 0', stated, ({ activations }) =>
    activations.flatMap(({ node, grid }) =>
      grid?.zeroPoints.some((zero) => zero !== 0) ? [at(node, `zero point ${grid.zeroPoints[0]}`)] : [],
    ),
  );
}

/** Zero point 0 of weights, or the middle of an unsigned type. */
export function symmetricWeights(stated: Stated): TargetRule {
  return rule('symmetric-weights', 'weights have zero point 0', stated, ({ weights }) =>
    weights.flatMap(({ layer, read: { grid } }) => {
      const middle = grid.type === 'uint8' ? 128 : 0;
      const odd = grid.zeroPoints.find((zero) => zero !== middle);
      return odd === undefined ? [] : [at(layer, `its weight has zero point ${odd}`)];
    }),
  );
}

/** int8 weights within ±127. */
export function narrowWeights(stated: Stated): TargetRule {
  return rule('narrow-weights', 'int8 weights are within −127 and 127', stated, ({ weights }) =>
    weights.flatMap(({ layer, read: { tensor } }) =>
      tensor?.dataType === 'int8' && integersOf(tensor).includes(-128)
        ? [at(layer, 'its weight has the code −128')]
        : [],
    ),
  );
}

/** Weights stand in the file as the integers that are multiplied. */
export function plainWeights(stated: Stated): TargetRule {
  const summary = 'weights stand in the file as integers, not packed and not in a codebook';
  return rule('plain-weights', summary, stated, ({ weights }) =>
    weights.flatMap(({ layer, isPlain }) =>
      isPlain
        ? []
        : [at(layer, 'its weight is computed from packed constants; --format qdq-int8 stores it plainly')],
    ),
  );
}

/** Scales along the output channels, or one. */
export function channelAxis(stated: Stated): TargetRule {
  const axisOf = (layer: Node) => {
    if (isOp(layer, 'Conv')) return 0;
    if (isOp(layer, 'Gemm')) return layer.attributes.get('transB') ? 0 : 1;
    return 1;
  };
  return rule('channel-axis', 'weights have one scale, or one an output channel', stated, ({ weights }) =>
    weights.flatMap(({ layer, read: { grid, tensor } }) => {
      if (grid.scales.length === 1 || grid.block !== undefined) return [];
      const axis = grid.axis < 0 ? grid.axis + (tensor?.dims.length ?? 0) : grid.axis;
      return axis === axisOf(layer) ? [] : [at(layer, `its weight has scales along axis ${axis}`)];
    }),
  );
}

/** No scales in blocks. */
export function wholeScales(stated: Stated): TargetRule {
  return rule('no-blocks', 'no scales in blocks', stated, ({ weights }) =>
    weights.flatMap(({ layer, read: { grid } }) =>
      grid.block === undefined ? [] : [at(layer, `its weight has a scale for each ${grid.block} values`)],
    ),
  );
}

/** Scales and zero points are constants. */
export function fixedRanges(stated: Stated): TargetRule {
  return rule('fixed-ranges', 'ranges of activations are constants', stated, ({ activations, qdq }) => [
    ...activations.flatMap(({ node, grid }) =>
      grid ? [] : [at(node, 'its scale or zero point is computed')],
    ),
    ...qdq.graph.nodes
      .filter(({ opType }) => opType.startsWith('DynamicQuantize') || opType.endsWith('Integer'))
      .map((node) => at(node, `${node.opType} finds its range at every run`)),
  ]);
}

/** Operators of onnxruntime's own domain, and those in operator form. */
export function standardOperators(stated: Stated): TargetRule {
  const summary = 'operators of ONNX alone, Q and DQ around floats (no QLinearConv, no com.microsoft)';
  return rule('standard-operators', summary, stated, ({ model }) =>
    model.graph.nodes.flatMap((node) => {
      // Below opset 21 those of 16 bits are onnxruntime's own everywhere.
      if (node.domain !== '' && !isQuantizing(node)) return [at(node, `${node.opType} of ${node.domain}`)];
      return /^(QLinear|ConvInteger|MatMulInteger)/.test(node.opType) ? [at(node, node.opType)] : [];
    }),
  );
}

/** Codes are read by DQ alone. */
export function pairsAroundOperators(stated: Stated): TargetRule {
  const summary = 'nothing but a DQ reads codes: operators that move values stand between a DQ and a Q';
  return rule('pairs', summary, stated, ({ activations, qdq }) =>
    activations
      .filter(({ node }) => isQuantizing(node, 'QuantizeLinear'))
      .flatMap(({ node }) => readersOnCodes(node.outputs[0] ?? '', qdq))
      .map((node) => at(node, `${node.opType} works on codes`)),
  );
}

function readersOnCodes(codes: string, qdq: CheckedFile['qdq']): Node[] {
  return qdq.uses
    .readers(codes)
    .map(({ node }) => node)
    .filter((node) => !isQuantizing(node, 'DequantizeLinear') && !isOp(node, 'Shape'))
    .flatMap((node) => [node, ...node.outputs.flatMap((output) => readersOnCodes(output, qdq))]);
}

/** Every input of an addition comes from a DQ. */
export function quantizedOperands(opTypes: readonly string[], stated: Stated): TargetRule {
  const summary = `every input of ${opTypes.join(' and ')} comes from a DQ where one does`;
  return rule('operands', summary, stated, ({ qdq }) =>
    qdq.graph.nodes.flatMap((node) => {
      if (!isOp(node, ...opTypes)) return [];
      const reads = node.inputs.map((value) => qdq.read(value));
      const codes = reads.filter((read) => read && read.grid.type !== 'int32').length;
      return codes > 0 && codes < node.inputs.length && !isBiasAdd(reads)
        ? [at(node, `${node.opType} reads floats beside codes`)]
        : [];
    }),
  );
}

const isBiasAdd = (reads: readonly (CodesRead | undefined)[]) =>
  reads.some((read) => read?.tensor !== undefined);

/** The float result of a layer becomes codes. */
export function quantizedResults(opTypes: readonly string[], stated: Stated): TargetRule {
  return rule('results', `results of ${opTypes.join(' and ')} become codes`, stated, ({ qdq }) =>
    qdq.graph.nodes.flatMap((node) =>
      isOp(node, ...opTypes) && isQuantizedLayer(node, qdq) && !qdq.written(node.outputs[0] ?? '')
        ? [at(node, `no Q stands behind ${node.opType}`)]
        : [],
    ),
  );
}

/** Biases in int32 at the product of the scales. */
export function productBias(stated: Stated): TargetRule {
  const summary = 'biases are int32 of zero point 0, at the scale of the input times that of the weight';
  return rule('bias', summary, stated, ({ qdq }) =>
    qdq.graph.nodes.flatMap((node) => {
      if (!isOp(node, 'Conv', 'Gemm') || !isQuantizedLayer(node, qdq) || inputAt(node, 2) === undefined)
        return [];
      const [input, weight, bias] = node.inputs.map((value) => qdq.read(value));
      if (!bias) return [at(node, 'its bias is float')];
      if (bias.grid.type !== 'int32' || bias.grid.zeroPoints.some((zero) => zero !== 0))
        return [at(node, `its bias is ${bias.grid.type}, zero point ${bias.grid.zeroPoints[0]}`)];
      const scale = input?.grid.scales[0] ?? 0;
      const isProduct = Array.from(bias.grid.scales).every((own, c) => {
        const of = weight?.grid.scales ?? [0];
        return Math.abs(own / (scale * (of[of.length === 1 ? 0 : c] ?? 0)) - 1) < 1e-4;
      });
      return isProduct ? [] : [at(node, 'its bias has another scale than its input and its weight make')];
    }),
  );
}

/** Biases stay in float. */
export function floatBias(stated: Stated): TargetRule {
  return rule('float-bias', 'biases are float', stated, ({ qdq }) =>
    qdq.graph.nodes.flatMap((node) =>
      isQuantizing(node, 'DequantizeLinear') &&
      qdq.gridOf(node, qdq.graph.initializers.get(node.inputs[0] ?? '')?.dataType)?.type === 'int32'
        ? [at(node, 'a DequantizeLinear of int32')]
        : [],
    ),
  );
}

/** Nothing computes in float between the first codes and the last. */
export function wholeInIntegers(stated: Stated): TargetRule {
  const summary = 'every operator reads codes and gives codes';
  return rule('all-quantized', summary, stated, ({ qdq }) =>
    qdq.graph.nodes.flatMap((node) => {
      if (isQuantizing(node) || isOp(node, 'Shape', 'Relu', 'Clip')) return [];
      const isRead = node.inputs.some((value) => qdq.read(value));
      if (!isRead) return isFloatOperator(node, qdq) ? [at(node, `${node.opType} computes in float`)] : [];
      const written = node.outputs.every((output) => !output || qdq.written(output));
      return written || isFollowedByBias(node, qdq) ? [] : [at(node, `no Q stands behind ${node.opType}`)];
    }),
  );
}

const isFollowedByBias = (node: Node, { uses }: CheckedFile['qdq']): boolean =>
  isOp(node, 'MatMul') && uses.readers(node.outputs[0] ?? '').some((use) => isOp(use.node, 'Add'));

/** Whether a node reads floats that an operator made, behind no DQ. */
function isFloatOperator(node: Node, { uses, graph }: CheckedFile['qdq']): boolean {
  return node.inputs.some((value) => {
    const producer = value ? uses.producer(value) : undefined;
    const isGiven = graph.inputs.some((input) => input.name === value && input.dataType?.startsWith('float'));
    return (
      (isGiven && !graph.initializers.has(value)) ||
      (producer !== undefined && isQuantizedLayerOutput(producer, uses))
    );
  });
}

const isQuantizedLayerOutput = (producer: Node, uses: CheckedFile['qdq']['uses']): boolean =>
  !isQuantizing(producer) &&
  producer.inputs.some((value) => {
    const before = uses.producer(value);
    return before !== undefined && isQuantizing(before, 'DequantizeLinear');
  });
