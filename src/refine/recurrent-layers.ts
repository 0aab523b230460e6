import type { LinearLayer } from '../graph/linear-layer.js';
import {
  type Attribute,
  attribute,
  type Graph,
  inputAt,
  intAttribute,
  isOp,
  type Node,
  node,
} from '../graph/model.js';
import {
  halvesOfBias,
  RECURRENT_INPUT,
  type Recurrence,
  type RecurrentBias,
  recurrenceOf,
} from '../graph/recurrence.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import type { WeightSite } from '../place/placement.js';
import { type Plan, weightAt } from '../quantize/plan.js';
import { onlyReaders, type RefinableLayer, refinableLayers } from './layers.js';

/**
 * The products inside recurrent operators, W·x and R·h of the step before, as layers of their own: a place for each step
 * of each sample, a group for each direction, computed as by a convolution with a kernel of one place.
 *
 * Operators whose samples end at different steps are left out.
 */
export function recurrentLayers(graph: Graph, plan: Plan): RefinableLayer[] {
  const isOnlyReader = onlyReaders(plan);
  return plan.placement.weighted.flatMap((weighted): RefinableLayer[] => {
    const { node: source, sites, recipe, owner } = weighted;
    const recurrence = recurrenceOf(source);
    if (!recurrence || owner || inputAt(source, RECURRENT_INPUT.lengths)) return [];
    const name = inputAt(source, RECURRENT_INPUT.bias);
    const takesBias = name === undefined || graph.initializers.has(name);
    const halves = halvesIn(graph, recurrence);
    return sites.filter(isOnlyReader).map((site) => ({
      ...{ id: site.id, node: source, weighted, recipe, site: site.id },
      linear: linearOf(recurrence, site),
      weight: weightAt(plan, site),
      bias: plan.biases.get(site.id) ?? halves[site.input === RECURRENT_INPUT.w ? 'w' : 'r'],
      ...{ biasAdd: undefined, takesBias },
      output: source.outputs.find((output) => output) ?? source.id,
    }));
  });
}

/** The layers of a plan, those inside recurrent operators behind the others. */
export const layersAndProducts = (graph: Graph, plan: Plan): RefinableLayer[] => [
  ...refinableLayers(graph, plan),
  ...recurrentLayers(graph, plan),
];

/**
 * Whether a layer is linear in what it reads: all but R of a GRU that resets before the product, whose last gate reads r∘h.
 */
export const isLinearProduct = (layer: RefinableLayer): boolean =>
  !isOp(layer.node, 'GRU') || isInputPart(layer) || intAttribute(layer.node, 'linear_before_reset', 0) !== 0;

/** Whether a layer is the product with x, and not that with h. */
export const isInputPart = ({ node: source, linear }: RefinableLayer): boolean =>
  linear.weightName === inputAt(source, RECURRENT_INPUT.w);

/** Whether W·x and R·h are added as they are: a GRU multiplies one gate's by r. */
export const sumsProducts = (source: Node): boolean => !isOp(source, 'GRU');

function linearOf({ gates, cells, reverse }: Recurrence, { weight, weightName }: WeightSite): LinearLayer {
  const groups = reverse.length;
  const outputChannels = groups * gates * cells;
  const columns = elementCount(weight.dims) / outputChannels;
  const kernel: Tensor = { ...weight, dims: [outputChannels, columns, 1] };
  return {
    node: node('Conv', ['', weightName], [''], { group: attribute.int(groups) }),
    ...{ weightName, weight: kernel, bias: undefined, outputAxis: 0 },
    ...{ outputChannels, inputChannels: columns * groups, groups },
  };
}

/** A product inside a recurrent operator with its bias, on both sides. */
export interface RecurrentProduct {
  /** What the quantized side is fitted on, [steps · samples, directions · inputs, 1]. */
  readonly input: string;
  /** Results, [steps · samples, directions · gates · cells, 1]. */
  readonly float: string;
  readonly quantized: string;
  /** The constant of the quantized side's bias, [directions, gates · cells]. */
  readonly bias: string;
}

/** Nodes that compute W·x and R·h of a recurrent operator, over all of its steps at once. */
export interface RecurrentProducts {
  readonly nodes: readonly Node[];
  readonly w: RecurrentProduct;
  readonly r: RecurrentProduct;
  /** B of both biases, for the quantized side to read; undefined where the operator keeps what it has. */
  readonly bias: string | undefined;
}

/** What a recurrent operator reads and gives. */
export interface RecurrentSides {
  readonly graph: Graph;
  readonly parts: readonly RefinableLayer[];
  /** Y in float, [steps, directions, samples, cells]. */
  readonly given: string;
  /** What it reads on the quantized side. */
  readonly inputs: readonly string[];
}

/** Gives names that are free, and keeps constants under such. */
export interface ProductNames {
  fresh(wanted: string): string;
  keep(wanted: string, array: NdArray): string;
}

/**
 * The products of a recurrent operator, each with its bias. W reads what each side has for x. R reads what the operator
 * gives in float, on both sides: what it gives quantized is another once R is refined.
 */
export function recurrentProducts(
  recurrence: Recurrence,
  { graph, parts, given, inputs }: RecurrentSides,
  { fresh, keep }: ProductNames,
): RecurrentProducts {
  const { node: source, gates, cells, reverse } = recurrence;
  const nodes: Node[] = [];
  const directions = reverse.length;
  const op = (
    opType: string,
    read: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ) => {
    const output = fresh(`${source.id}/${opType}`);
    nodes.push(node(opType, read, [output], attributes));
    return output;
  };
  const ints = (values: readonly number[]) =>
    keep(`${source.id}/numbers`, {
      type: 'int64',
      dims: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  const reshape = (value: string, dims: readonly number[]) => op('Reshape', [value, ints(dims)]);
  const slice = (value: string, axis: number, from: number, to: number) =>
    op('Slice', [value, ints([from]), ints([to]), ints([axis])]);
  const concat = (values: readonly string[], axis: number) =>
    values.length === 1 ? (values[0] as string) : op('Concat', values, { axis: attribute.int(axis) });

  const { x, hidden } = RECURRENT_INPUT;
  const columns = (value: string) => {
    const rows = reshape(op('Flatten', [value], { axis: attribute.int(2) }), [0, -1, 1]);
    return concat(Array(directions).fill(rows), 1);
  };
  /** What a direction gave the step before: Y one step on, behind what h begins with. */
  const before = (isReverse: boolean, direction: number) => {
    const own = directions === 1 ? given : slice(given, 1, direction, direction + 1);
    const [first, start] = [slice(own, 0, 0, 1), inputAt(source, hidden)];
    const begun = start
      ? reshape(slice(start, 0, direction, direction + 1), [1, 1, -1, cells])
      : op('Sub', [first, first]);
    return isReverse ? concat([slice(own, 0, 1, END), begun], 0) : concat([begun, slice(own, 0, 0, -1)], 0);
  };
  const halves = halvesIn(graph, recurrence);
  const half = (data: Float32Array, hint: string) =>
    keep(`${source.id}~${hint}`, { type: 'float32', dims: [directions, gates * cells], data });
  const product = (read: string, weight: string, bias: string) => {
    const kernel = reshape(weight, [directions * gates * cells, -1, 1]);
    return op('Conv', [read, kernel, reshape(bias, [-1])], { group: attribute.int(directions) });
  };
  const both = (name: 'w' | 'r', input: string, wanted: string): RecurrentProduct => {
    const at = RECURRENT_INPUT[name];
    const part = parts.find((layer) => isInputPart(layer) === (name === 'w'));
    const bias = half(part?.bias ?? halves[name], `b${name}`);
    return {
      ...{ input, bias, quantized: product(input, inputs[at] ?? '', bias) },
      float: product(wanted, source.inputs[at] ?? '', half(halves[name], name)),
    };
  };
  const turned = op('Transpose', [concat(reverse.map(before), 1)], { perm: attribute.ints([0, 2, 1, 3]) });
  const h = reshape(turned, [-1, directions * cells, 1]);
  const [w, r] = [both('w', columns(inputs[x] ?? ''), columns(source.inputs[x] ?? '')), both('r', h, h)];
  const isOwn = parts.every(({ takesBias }) => takesBias);
  return { nodes, w, r, bias: isOwn ? concat([w.bias, r.bias], 1) : undefined };
}

/** The halves of a recurrent operator's bias in float; zeros where it has none. */
function halvesIn({ initializers }: Graph, recurrence: Recurrence): RecurrentBias {
  const own = initializers.get(inputAt(recurrence.node, RECURRENT_INPUT.bias) ?? '');
  return halvesOfBias(recurrence, own && floatsOf(own));
}

/** The end of an axis, as Slice takes it. */
const END = Number.MAX_SAFE_INTEGER;
