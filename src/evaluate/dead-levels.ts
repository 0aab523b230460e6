import { channelAlong } from '../numerics/nd-array.js';
import type { BlockTensor, QuantizedTensor } from '../quantize/quantized-tensor.js';
import { MAX_BITS } from '../recipe.js';

/** How much of a weight's grid is in use. */
export interface LevelUse {
  /** Levels that no weight has. */
  readonly deadLevels: number;
  readonly levels: number;
}

/**
 * The levels of a weight's grid, and how many of them no weight uses. Of integers: those of the whole tensor, since all
 * channels have the same. Of codebooks: those of every codebook; of two levels of a codebook that are equal, one is dead.
 */
export function levelUse(weight: QuantizedTensor | BlockTensor): LevelUse {
  const { bits } = weight;
  if (weight.kind !== 'codebook') {
    // 8 bits of a signed grid are narrow-range: −128 is no level.
    const isNarrow = weight.kind === 'affine' && bits === MAX_BITS;
    const levels = isNarrow ? 2 ** bits - 1 : 2 ** bits;
    return { deadLevels: Math.max(0, levels - new Set(weight.codes).size), levels };
  }
  const perCodebook = 2 ** bits;
  const { dims, axis, channelsPerCodebook, indices } = weight;
  const codebooks = weight.levels.length / perCodebook;
  const channelOf = channelsPerCodebook === undefined ? () => 0 : channelAlong(dims, axis);
  const used = new Set<number>();
  indices.forEach((index, i) => {
    const codebook = Math.floor(channelOf(i) / (channelsPerCodebook ?? 1));
    const level = weight.levels[codebook * perCodebook + index] as number;
    used.add(codebook * INT8_LEVELS + level);
  });
  return { deadLevels: weight.levels.length - used.size, levels: codebooks * perCodebook };
}

/** Keeps the levels of two codebooks apart. */
const INT8_LEVELS = 256;
