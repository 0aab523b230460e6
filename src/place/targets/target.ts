import type { Model, Node } from '../../graph/model.js';
import type { CodesRead, Grid, QdqGraph } from '../../graph/qdq-graph.js';

/** A Q or a DQ of an activation. */
export interface ActivationAt {
  readonly node: Node;
  /** Undefined where scale or zero point are computed. */
  readonly grid: Grid | undefined;
}

/** A weight that a layer reads behind a DQ. */
export interface WeightAt {
  readonly layer: Node;
  readonly read: CodesRead;
  /** Whether its codes are a constant of the file, and not computed from packed ones. */
  readonly isPlain: boolean;
}

/** A quantized file as rules look at it. */
export interface CheckedFile {
  readonly model: Model;
  /** The graph with what is computed of constants in it. */
  readonly qdq: QdqGraph;
  readonly activations: readonly ActivationAt[];
  readonly weights: readonly WeightAt[];
}

/** What breaks a rule, and where. */
export interface Breach {
  /** First output of the node. */
  readonly node: string;
  readonly problem: string;
}

/** What a target asks of a file. */
export interface TargetRule {
  readonly name: string;
  readonly summary: string;
  /**
   * What comes of a breach: `refused` where the target does not read the file or reads it otherwise, `slow` where that part
   * runs in float, or slower.
   */
  readonly otherwise: 'refused' | 'slow';
  /** Where it is said: an address, or what was measured. */
  readonly source: string;
  readonly check: (file: CheckedFile) => Breach[];
}

/** How a model is written for a target: what of its rules a recipe can meet. */
export interface TargetForm {
  /** Whether weights may be packed, or must stand in the file as integers. */
  readonly weights: 'packed' | 'plain';
  /** uint8 codes of any zero point, or int8 ones of zero point 0. */
  readonly activations: 'uint8' | 'symmetric-int8';
  /** Whether operators that move values work on codes, or stand between a DQ and a Q, as a Relu does. */
  readonly moves: 'codes' | 'pairs';
  readonly biases: 'int32' | 'float';
  /** Where layers in float run: on the same unit as those on integers, or on another, to which values are moved. */
  readonly floats: 'beside' | 'elsewhere';
  /** The widest activations that it has kernels for, in bits. */
  readonly widest: 8 | 16;
  /** How kernels add products: some of x86 two and two in int16, which saturates (src/quantize/pairs.ts). */
  readonly sums: 'int16-pairs' | 'int32';
}

/** What onnxruntime's kernels run best on. */
export const onnxruntimeForm: TargetForm = {
  weights: 'packed',
  activations: 'uint8',
  moves: 'codes',
  biases: 'int32',
  floats: 'beside',
  widest: 8,
  sums: 'int16-pairs',
};

/** What most others take: weights as they are multiplied. */
export const plainForm: TargetForm = { ...onnxruntimeForm, weights: 'plain', sums: 'int32' };

/** A runtime, and what files for it must be. */
export interface Target {
  readonly name: string;
  readonly summary: string;
  readonly form: TargetForm;
  readonly rules: readonly TargetRule[];
}
