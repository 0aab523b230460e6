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

/** A runtime, and what files for it must be. */
export interface Target {
  readonly name: string;
  readonly summary: string;
  readonly rules: readonly TargetRule[];
}
