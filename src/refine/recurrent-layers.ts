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
import { halvesOfBias, RECURRENT_INPUT, type Recurrence, recurrenceOf } from '../graph/recurrence.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';
import type { WeightSite } from '../place/placement.js';
import { type Plan, weightAt } from '../quantize/plan.js';
import { onlyReaders, type RefinableLayer } from './layers.js';
import { type Fragment, int64s } from './weight-matrix.js';

/**
 * The products inside recurrent operators, W·x and R·h of the step before, as layers of their own: a place for each step
 * of each sample, a group for each direction, computed as by a convolution with a kernel of one place.
 *
 * R is left out where not all of its rows read h: the last gate of a GRU reads r∘h, unless it is reset behind the product. So
 * are operators whose samples end at different steps.
 */
export function recurrentLayers(graph: Graph, plan: Plan): RefinableLayer[] {
  const isOnlyReader = onlyReaders(plan);
  return plan.placement.weighted.flatMap((weighted): RefinableLayer[] => {
    const { node: source, sites, recipe, owner } = weighted;
    const recurrence = recurrenceOf(source);
    if (!recurrence || owner || inputAt(source, RECURRENT_INPUT.lengths)) return [];
    const name = inputAt(source, RECURRENT_INPUT.bias);
    const own = name === undefined ? undefined : graph.initializers.get(name);
    const halves = halvesOfBias(recurrence, own && floatsOf(own));
    return sites
      .filter((site) => isOnlyReader(site) && (site.input === RECURRENT_INPUT.w || readsHidden(source)))
      .map((site) => ({
        ...{ id: site.id, node: source, weighted, recipe, site: site.id },
        linear: linearOf(recurrence, site),
        weight: weightAt(plan, site),
        bias: plan.biases.get(site.id) ?? halves[site.input === RECURRENT_INPUT.w ? 'w' : 'r'],
        ...{ biasAdd: undefined, takesBias: name === undefined || own !== undefined },
        output: source.outputs.find((output) => output) ?? source.id,
      }));
  });
}

/** Whether every row of R reads h of the step before. */
const readsHidden = (source: Node): boolean =>
  !isOp(source, 'GRU') || intAttribute(source, 'linear_before_reset', 0) !== 0;

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

/** A product inside a recurrent operator, on both sides. */
export interface RecurrentProduct {
  /** What the quantized side is fitted on, [steps · samples, directions · inputs, 1]. */
  readonly input: string;
  /** Results, [steps · samples, directions · gates · cells, 1]. */
  readonly float: string;
  readonly quantized: string;
}

/** Nodes that compute W·x and R·h of a recurrent operator, over all of its steps at once. */
export interface RecurrentProducts extends Fragment {
  readonly w: RecurrentProduct;
  readonly r: RecurrentProduct;
}

/** What a recurrent operator reads and gives. */
export interface RecurrentSides {
  /** Y in float, [steps, directions, samples, cells]. */
  readonly given: string;
  /** What it reads on the quantized side. */
  readonly inputs: readonly string[];
  /** Constants of the biases of W and R, [directions, gates · cells]. */
  readonly biases: Readonly<Record<'w' | 'r', { readonly float: string; readonly quantized: string }>>;
}

/**
 * The products of a recurrent operator, each with its bias. W reads what each side has for x. R reads what the operator gives in float, on both
 * sides: what it gives quantized is another once R is refined.
 *
 * @param fresh - gives names that are free
 */
export function recurrentProducts(
  { node: source, gates, cells, reverse }: Recurrence,
  { given, inputs, biases }: RecurrentSides,
  fresh: (wanted: string) => string,
): RecurrentProducts {
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
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
  const ints = (values: readonly number[]) => {
    const name = fresh(`${source.id}/numbers`);
    constants.set(name, int64s(values));
    return name;
  };
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
  const product = (read: string, weight: string, bias: string) => {
    const kernel = reshape(weight, [directions * gates * cells, -1, 1]);
    return op('Conv', [read, kernel, reshape(bias, [-1])], { group: attribute.int(directions) });
  };
  const [float, quantized] = [columns(inputAt(source, x) ?? ''), columns(inputs[x] ?? '')];
  const turned = op('Transpose', [concat(reverse.map(before), 1)], { perm: attribute.ints([0, 2, 1, 3]) });
  const h = reshape(turned, [-1, directions * cells, 1]);
  const both = (name: 'w' | 'r', input: string, wanted: string): RecurrentProduct => ({
    input,
    float: product(wanted, source.inputs[RECURRENT_INPUT[name]] ?? '', biases[name].float),
    quantized: product(input, inputs[RECURRENT_INPUT[name]] ?? '', biases[name].quantized),
  });
  return { w: both('w', quantized, float), r: both('r', h, h), nodes, constants };
}

/** The end of an axis, as Slice takes it. */
const END = Number.MAX_SAFE_INTEGER;
