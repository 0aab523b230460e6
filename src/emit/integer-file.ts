import { QuantizeError } from '../errors.js';
import type { ClampBounds } from '../graph/clamp-bounds.js';
import { outputChannelOf } from '../graph/linear-layer.js';
import { inputAt, type Model, type Node } from '../graph/model.js';
import { indexUses } from '../graph/uses.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import { type FixedPoint, fixedPoint, MOST_REAL } from '../numerics/fixed-point.js';
import { type Role, roleOf, type WeightedNode } from '../place/placement.js';
import { biasIn } from '../quantize/bias.js';
import { integerWeight, layerQuantizerOf, type Plan, quantizerOf } from '../quantize/plan.js';
import { integersOfTensor } from '../quantize/quantized-tensor.js';
import { tool } from '../version.js';
import { codesWithinClamp } from './clamp-codes.js';

/** Version of the file. */
const VERSION = 1;

/** A value in codes: real = scale · (code − zeroPoint). */
interface IntegerValue {
  readonly name: string;
  readonly scale: number;
  readonly zeroPoint: number;
}

/** A layer as an integer-only kernel takes it (docs/integer-only.md). */
export interface IntegerLayer {
  readonly id: string;
  readonly operator: string;
  readonly input: IntegerValue;
  /** Its codes are those within the fused clamp; null where the result stays int32, at scale s_x·s_w. */
  readonly output: (IntegerValue & { readonly low: number; readonly high: number }) | null;
  readonly weight: {
    readonly dims: readonly number[];
    /** Axis of the output channels. */
    readonly axis: number;
    readonly scales: readonly number[];
    /** int8, row-major; zero point 0. */
    readonly values: readonly number[];
  };
  /** int32 at scale s_x·s_w, one an output channel. */
  readonly bias: readonly number[];
  /** bias − Z_x·Σw, what a kernel starts its sums of code·weight with (Jacob et al. 2018, eq. 7). */
  readonly start: readonly number[];
  /** M0 as int32 and the shift, one an output channel: M = multiplier / 2^31 · 2^shift. */
  readonly multipliers: readonly number[];
  readonly shifts: readonly number[];
  /** The largest magnitude that a sum can have, on the way, too: below 2^31. */
  readonly accumulatorBound: number;
}

/** What integer-only arithmetic takes of a plan. */
export interface IntegerModel {
  readonly version: number;
  readonly tool: typeof tool;
  readonly layers: readonly IntegerLayer[];
  /** Nodes that no layer of the list stands for, with how they run. */
  readonly others: readonly { readonly id: string; readonly operator: string; readonly runs: string }[];
}

/**
 * The layers of a plan as integer-only inference takes them (Jacob et al. 2018, §2): int8 weights, int32 biases, and the
 * requantization M = s_x·s_w / s_y as M0·2^shift.
 *
 * @throws QuantizeError `bad-option` where no layer runs on fixed integers, or a multiplier has no such form
 */
export function integerModel({ graph }: Model, plan: Plan): IntegerModel {
  const uses = indexUses(graph);
  const { weighted, values } = plan.placement;
  const reached = (value: string, grid: AffineQuantizer) =>
    codesWithinClamp(value, grid, { graph, uses, placement: plan.placement });
  const layers = weighted
    .filter(({ runs }) => runs.kind === 'integer')
    .map((each) => integerLayer(plan, each, values.has(each.result), reached));
  const others = graph.nodes.flatMap((node) => {
    const runs = runsOf(roleOf(plan.placement, node));
    return runs ? [{ id: node.id, operator: node.opType, runs }] : [];
  });
  if (layers.length > 0) return { version: VERSION, tool, layers, others };
  const problem = 'finds no layer that runs on integers of fixed ranges';
  throw refusal(problem, 'Give samples with --data, without --dynamic and --act-bits float.');
}

/** The same as a file. */
export function serializeIntegers(model: Model, plan: Plan): Uint8Array {
  const { layers, others, ...head } = integerModel(model, plan);
  const lines = (entries: readonly object[]) => entries.map((each) => JSON.stringify(each)).join(',\n');
  const start = JSON.stringify(head).slice(0, -1);
  return new TextEncoder().encode(
    `${start},\n"layers":[\n${lines(layers)}],\n"others":[\n${lines(others)}]}\n`,
  );
}

/** How a node runs that no layer stands for; undefined for a layer, its bias and its clamp, and for shapes. */
function runsOf(role: Role | undefined): 'on codes' | 'on floats' | undefined {
  if (!role || role.kind === 'float') return 'on floats';
  if (role.kind === 'weighted') return role.weighted.runs.kind === 'integer' ? undefined : 'on floats';
  if (role.kind === 'bias' || role.kind === 'shape') return undefined;
  return role.kind === 'clamp' && role.form === 'fused' ? undefined : 'on codes';
}

function integerLayer(
  plan: Plan,
  weighted: WeightedNode,
  hasCodes: boolean,
  reached: (value: string, grid: AffineQuantizer) => ClampBounds,
): IntegerLayer {
  const { node, sites, runs, result } = weighted;
  const read = inputAt(node, 0) ?? '';
  const input = layerQuantizerOf(plan, read)?.grid;
  if (!input) throw new Error(`${node.id} runs on integers and reads none`);
  const [site] = sites;
  const tensor = integerWeight(plan, site);
  const codes = integersOfTensor(tensor);
  const channels = runs.linear?.outputChannels ?? 1;
  const channelOf = runs.linear ? outputChannelOf(runs.linear) : () => 0;
  const each = <T>(make: (channel: number) => T): T[] => Array.from({ length: channels }, (_, c) => make(c));
  const scaleOf = (c: number) => tensor.scales[tensor.scales.length === 1 ? 0 : c] as number;
  const quantized = biasIn(plan, weighted)?.values;
  const bias = each((c) => quantized?.[c] ?? 0);
  const sums = new Float64Array(channels);
  const reach = new Float64Array(channels);
  const furthest = Math.max(input.high - input.zeroPoint, input.zeroPoint - input.low);
  codes.forEach((code, i) => {
    const c = channelOf(i);
    sums[c] = (sums[c] as number) + code;
    reach[c] = (reach[c] as number) + Math.abs(code) * furthest;
  });
  const output = hasCodes ? quantizerOf(plan, result)?.grid : undefined;
  const forms = output && each((c) => formOf(node, (input.scale * scaleOf(c)) / output.scale));
  return {
    id: node.id,
    operator: node.opType,
    input: { name: read, scale: input.scale, zeroPoint: input.zeroPoint },
    output: output
      ? {
          name: result,
          scale: output.scale,
          zeroPoint: output.zeroPoint,
          ...codesOf(reached(result, output)),
        }
      : null,
    weight: {
      dims: tensor.dims,
      axis: site.axis,
      scales: each(scaleOf),
      values: Array.from(codes),
    },
    bias,
    start: each((c) => (bias[c] as number) - input.zeroPoint * (sums[c] as number)),
    multipliers: forms?.map(({ multiplier }) => multiplier) ?? [],
    shifts: forms?.map(({ shift }) => shift) ?? [],
    accumulatorBound: Math.max(...each((c) => (reach[c] as number) + Math.abs(bias[c] as number))),
  };
}

const codesOf = ({ low, high }: ClampBounds) => ({ low, high });

function formOf(node: Node, real: number): FixedPoint {
  if (real < MOST_REAL) return fixedPoint(real);
  const problem = `cannot write ${node.id}, whose multiplier of ${real.toPrecision(3)} has no fixed-point form`;
  throw refusal(problem, 'Leave it out, or keep the layer in float with --exclude.');
}

const refusal = (problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag: '--save-integers', problem, mend });
