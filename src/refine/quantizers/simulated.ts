import type { Derivative, Scope } from '../../derive/derivative.js';
import type { OwnGradient } from '../../derive/reverse.js';
import { Steps } from '../../derive/steps.js';
import type { AffineQuantizer } from '../../numerics/affine.js';
import type { NdArray } from '../../numerics/nd-array.js';
import type { CodebookTensor, QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Parameter, Schedule } from '../../train/objective.js';

/** A weight whose quantizer is learned. */
export interface WeightSite {
  /** The float value; a parameter itself where `latent` says so. */
  readonly value: string;
  readonly weight: Float32Array;
  /** As it is stored before: width, axis and scales are kept, and learning starts there. */
  readonly tensor: QuantizedTensor;
  /** Whether the float weight is learned too; its rate, in steps of its scale, is the caller's. */
  readonly latent: boolean;
  /** Learning rate of what is measured in steps (scales, levels, offsets), relative to one. */
  readonly rate: number;
}

/** An activation whose quantizer is learned. */
export interface ActivationSite {
  readonly value: string;
  readonly quantizer: AffineQuantizer;
  /** Width of its codes: [0, 2^bits − 1]. */
  readonly bits: number;
  /** Whether it has values below 0. */
  readonly isSigned: boolean;
  /** Elements of one sample: N of LSQ's gradient scale. */
  readonly elements: number;
  readonly rate: number;
}

/** A quantizer in a graph, as it computes while it learns. */
interface Simulated {
  /** What readers see in place of the float value. */
  readonly output: string;
  readonly own: readonly OwnGradient[];
  readonly parameters: readonly Parameter[];
  /** A scalar to be added to the loss. */
  readonly penalty?: string;
  readonly schedules?: readonly Schedule[];
}

/** With the values that say what is stored: from these, never from floats again, the tensor is made. */
export interface SimulatedWeight extends Simulated {
  readonly stored:
    | { readonly kind: 'affine'; readonly codes: string; readonly scale: string }
    | {
        readonly kind: 'codebook';
        readonly indices: string;
        readonly levels: string;
        readonly tensor: CodebookTensor;
      };
}

/** With the values that hold its scale and its zero point, both scalars. */
export interface SimulatedActivation extends Simulated {
  readonly scale: string;
  readonly zeroPoint: string;
}

/** A way to learn how weights are quantized. */
export interface WeightQuantizer {
  readonly name: string;
  readonly summary: string;
  /** Whether it learns nothing where the float weight is learned, too. */
  readonly onlyFixed?: true;
  /** Whether float weights are better left as they are: their codes jump far where they move. */
  readonly isBestFixed?: true;
  /** How far a parameter that is not relative to a step goes, in all steps of a training; 1 without it. */
  readonly travel?: number;
  /** Why it cannot take a weight; undefined where it can. */
  refuse?(site: WeightSite): string | undefined;
  simulate(maker: GraphMaker, site: WeightSite): SimulatedWeight;
}

/** A way to learn how activations are quantized. */
export interface ActivationLearner {
  readonly name: string;
  readonly summary: string;
  refuse?(site: ActivationSite): string | undefined;
  simulate(maker: GraphMaker, site: ActivationSite): SimulatedActivation;
}

/** The graph that quantizers are put into. */
export interface GraphMaker {
  readonly steps: Steps;
  fresh(wanted: string): string;
}

/** A parameter of one's own, with its rate a share of its size. */
export function relativeParameter(name: string, start: NdArray, rate: number, minimum?: number): Parameter {
  const rates = Float32Array.from(start.data as Float32Array, (value) => rate * Math.abs(value));
  return {
    name,
    start,
    rate: { type: 'float32', dims: start.dims, data: rates },
    ...(minimum !== undefined && { minimum }),
  };
}

export const scalarArray = (value: number): NdArray => ({
  type: 'float32',
  dims: [],
  data: Float32Array.of(value),
});

/** From the gradient of a value, for each input what adds the nodes of its own: called where that is wanted. */
export type OwnRule = (steps: Steps, gradient: string, scope: Scope) => readonly (() => string)[];

/** A gradient of one's own, as a rule. */
export function ownGradient(output: string, inputs: readonly string[], derive: OwnRule): OwnGradient {
  const rule: Derivative = (node, [gradient], wanted, scope) => {
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/own`);
    const makers = derive(steps, gradient, scope);
    const gradients = inputs.map((_, at) => (wanted[at] ? makers[at]?.() : undefined));
    return { nodes: steps.nodes, gradients };
  };
  return { output, inputs, derive: rule };
}

/** Numbers of scales along a weight's axis: [C, 1, …] behind the axes before it. */
export function scaleDims({ dims, axis }: Pick<QuantizedTensor, 'dims' | 'axis'>): number[] {
  if (axis === undefined) return [];
  return [dims[axis] ?? 1, ...dims.slice(axis + 1).map(() => 1)];
}

/** The code range of signed `bits`-wide weights. Schemes that learn use all of it, but int8 leaves out −128. */
export function signedCodes(bits: number): { low: number; high: number } {
  return { low: bits === 8 ? -127 : -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1 };
}

/** What of a weight an element's group has in common: how many weights share a scale. */
export function weightsPerScale({ weight, tensor }: WeightSite): number {
  return weight.length / tensor.scales.length;
}
