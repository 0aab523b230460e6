import type { AffineQuantizer } from '../../numerics/affine.js';
import type { PlanChange } from '../../quantize/changed.js';
import type { RefinedBlock, StoredTensor } from '../../quantize/plan.js';

/** Numbers of a block that were learned; none where it stays as it was. */
export interface BlockNumbers {
  /** By site id. */
  readonly weights: Map<string, StoredTensor>;
  /** By node id, or by site id of a recurrent operator's. */
  readonly biases: Map<string, Float32Array>;
  /** By what the plan keys them by. */
  readonly activations: Map<string, AffineQuantizer>;
}

export const noNumbers = (): BlockNumbers => ({
  weights: new Map(),
  biases: new Map(),
  activations: new Map(),
});

/** A block that was learned, or left. */
export interface LearnedBlock extends BlockNumbers {
  /** Its place among all blocks. */
  readonly at: number;
  readonly record: RefinedBlock;
}

/** Blocks in their order, all or the part of a shard. */
export interface LearnedBlocks {
  readonly blocks: readonly LearnedBlock[];
  /** How many there are in all. */
  readonly of: number;
}

/** What blocks come to together; of a number that several have, the last one's. */
export function refinementOf(blocks: readonly LearnedBlock[]): {
  readonly change: PlanChange;
  readonly blocks: readonly RefinedBlock[];
} {
  const weights = new Map(blocks.flatMap((block) => [...block.weights]));
  const biases = new Map(blocks.flatMap((block) => [...block.biases]));
  const grids = new Map(blocks.flatMap((block) => [...block.activations]));
  const activations = new Map([...grids].map(([key, grid]) => [key, { kind: 'affine' as const, grid }]));
  return { change: { weights, biases, activations }, blocks: blocks.map(({ record }) => record) };
}
