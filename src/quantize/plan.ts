import type { OffsetFit } from '../../calibration/observers/observer.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import { layerKeyOf, type Placement, type WeightedNode, type WeightSite } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import type { Provenance } from './provenance.js';
import type { BlockTensor, QuantizedTensor } from './quantized-tensor.js';

/** A constant operand of integer arithmetic, in the width of the activations beside it. */
export interface QuantizedConstant {
  readonly codes: Uint8Array | Uint16Array;
  readonly dims: readonly number[];
  readonly quantizer: AffineQuantizer;
}

/** How an activation's quantizer came about. */
export interface Observation {
  /** The observer that chose it, or where its range came from: a name that `--observer` takes. */
  readonly observer: string;
  /** Finite range on the samples; undefined where there was no element. */
  readonly range: { readonly min: number; readonly max: number } | undefined;
  /** What is odd about the values, where something is. */
  readonly degenerate: 'empty' | 'all zero' | 'constant' | undefined;
  /** With a real offset, and what the integer zero point costs; undefined where the observer has none to lose. */
  readonly offset: OffsetFit | undefined;
  /** Mean squared error where a table keeps that offset; undefined where it is rounded to the zero point. */
  readonly exactError: number | undefined;
}

/** The quantizer of an activation, and whose choice it is. */
export interface PlannedActivation {
  readonly quantizer: ActivationQuantizer;
  readonly observation: Observation;
  /** Whose choice the quantizer as it now is, is: the observer of `observation`, or a refiner. */
  readonly owner: string;
}

/** A layer or a block that a refiner worked on: its error before and after, relative to the float signal. */
export type RefinedBlock =
  | {
      readonly id: string;
      readonly before: number;
      readonly after: number;
      /** Where it was learned: means of equal parts of the losses of all steps, in their order. */
      readonly losses?: readonly number[];
    }
  /** Left as it was, and why. */
  | { readonly id: string; readonly left: string };

/** What decides about a refiner: the float outputs, or labels. */
export const judges = ['float', 'labels'] as const;
export type Judge = (typeof judges)[number];

/** What a refiner did, and whether it was kept. */
export interface RefinementRecord {
  readonly name: string;
  readonly settings: Readonly<Record<string, number | string>>;
  /** Samples that it worked on, and others that decided about it. */
  readonly samples: number;
  readonly heldBack: number;
  readonly judge: Judge;
  /**
   * On the samples held back; null where there were too few. By `float` the error of the outputs relative to the float
   * signal, by `labels` the mean cross-entropy in nats.
   */
  readonly before: number | null;
  readonly after: number | null;
  /** Withdrawn where the outputs became worse. */
  readonly kept: boolean;
  readonly blocks: readonly RefinedBlock[];
}

/** A node that got wider activations than the recipe said, by what calibration saw. */
export interface WidenedNode {
  readonly id: string;
  readonly because: /** Its input or result has this SQNR at 8 bits, in dB. */
    | { readonly kind: 'range'; readonly value: string; readonly sqnrDb: number }
    /** It joins values of very different reach, max |x|. */
    | {
        readonly kind: 'join';
        readonly small: { readonly name: string; readonly reach: number };
        readonly large: { readonly name: string; readonly reach: number };
      }
    /** It reads such a join. */
    | { readonly kind: 'reads'; readonly join: string }
    /** It stands in a body of this node where no sample came by, or behind this node, of which samples do not show all that it gives. */
    | { readonly kind: 'unseen'; readonly place: 'inside' | 'behind'; readonly owner: string }
    /** A value that it depends on had no element on any sample. */
    | { readonly kind: 'empty'; readonly value: string };
}

/** A weight as it is stored: in blocks where the placement says so. */
export type StoredTensor = QuantizedTensor | BlockTensor;

/**
 * Every number that the quantized model is written from: a value, keyed by names alone. `changed` makes a new one.
 */
export interface Plan {
  readonly recipe: Recipe;
  readonly placement: Placement;
  /** By site id. Sites that hold one object are written once. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /**
   * Bias targets in float, one value an output channel, by node id. Of a node that runs on integers they become int32 at
   * scale s_x·s_w when the model is written. A node that runs on floats keeps the bias that it has, unless one stands here. The
   * halves of a recurrent operator's bias, beside W and beside R, stand here by site id.
   */
  readonly biases: ReadonlyMap<string, Float32Array>;
  /** By the root value that they were chosen for; of narrower codes that only layers read, by `layerKeyOf` it. */
  readonly activations: ReadonlyMap<string, PlannedActivation>;
  /** Constant operands of integer arithmetic, by name. */
  readonly constants: ReadonlyMap<string, QuantizedConstant>;
  /** What refiners did, in their order. */
  readonly refinements: readonly RefinementRecord[];
  /** What it was made from; a plan of one layer alone, which no file is written from, has none. */
  readonly provenance?: Provenance | undefined;
  /** What the recipe's own rules do not come from, but the statistics. */
  readonly widened?: readonly WidenedNode[] | undefined;
}

/** What limits the weights of a plan: the widths, the inputs and the biases that they must fit. */
export type PlanNumbers = Pick<Plan, 'recipe' | 'placement' | 'activations' | 'biases'>;

/** A plan without its weights, which take much memory: what a report shows. */
export interface ReportedPlan
  extends Pick<Plan, 'recipe' | 'placement' | 'activations' | 'refinements' | 'widened'> {
  /** Channels whose scale had to be raised so that their bias fits int32, by node id. */
  readonly raisedChannels: ReadonlyMap<string, number>;
  readonly weightBytes: StoredBytes;
}

/** Bytes of the weights' codes and levels: as stored, and as packed as can be. */
export interface StoredBytes {
  readonly stored: number;
  readonly packed: number;
}

/** The quantizer of a quantized value: that of its root. */
export function quantizerOf(
  plan: Pick<Plan, 'placement' | 'activations'>,
  value: string,
): ActivationQuantizer | undefined {
  const root = plan.placement.values.get(value)?.root;
  return root === undefined ? undefined : plan.activations.get(root)?.quantizer;
}

/** The quantizer of the codes that a layer reads of a value: narrower than what others read, where there are two. */
export function layerQuantizerOf(
  plan: Pick<Plan, 'placement' | 'activations'>,
  value: string,
): ActivationQuantizer | undefined {
  const placed = plan.placement.values.get(value);
  return placed && plan.activations.get(layerKeyOf(placed))?.quantizer;
}

/** The quantized weight of a site. */
export function weightAt({ weights }: Pick<Plan, 'weights'>, { id }: Pick<WeightSite, 'id'>): StoredTensor {
  const weight = weights.get(id);
  if (!weight) throw new Error(`${id} has no quantized weight`);
  return weight;
}

/**
 * The weight of a site that is multiplied as int8 integers, or as floats made of them.
 *
 * @throws Error for one in blocks
 */
export function integerWeight(plan: Pick<Plan, 'weights'>, site: Pick<WeightSite, 'id'>): QuantizedTensor {
  const weight = weightAt(plan, site);
  if (weight.kind === 'blocks') throw new Error(`${site.id} is in blocks`);
  return weight;
}

/** The quantized weights of a node. */
export const weightsOf = (plan: Pick<Plan, 'weights'>, { sites }: WeightedNode): StoredTensor[] =>
  sites.map((site) => weightAt(plan, site));
