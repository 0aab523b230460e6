import { attribute, type Node, node } from '../graph/model.js';
import type { WeightedNode } from '../place/placement.js';
import { type Plan, weightAt } from '../quantize/plan.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import type { BlockSettings } from '../recipe.js';
import type { Constants } from './constants.js';
import { packBlocks } from './weights/blocks.js';

/** The domain of onnxruntime's own operators, and its only version. */
export const RUNTIME_DOMAIN = 'com.microsoft';
export const RUNTIME_DOMAIN_VERSION = 1;

/** Names of what MatMulNBits reads beside its input: codes, scales and, where there are some, zero points. */
export type Stored = readonly string[];

/**
 * Writes layers as com.microsoft MatMulNBits: y = x·Wᵀ, W [outputs, inputs] unpacked by the kernel itself, block by block,
 * as (code − zero point)·scale. A Gemm's bias is an Add behind it.
 */
export class BlockWriter {
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #settings: BlockSettings;
  readonly #written: Map<BlockTensor, Stored>;

  /**
   * @param nodes - gets the nodes, in order
   * @param written - the weights that others have written already, and what gets those that this one writes
   */
  constructor(
    nodes: Node[],
    constants: Constants,
    settings: BlockSettings,
    written = new Map<BlockTensor, Stored>(),
  ) {
    this.#nodes = nodes;
    this.#constants = constants;
    this.#settings = settings;
    this.#written = written;
  }

  /**
   * Write one layer.
   *
   * @param input - the float value that it reads
   * @param bias - the float bias, behind it; undefined without one
   */
  write(
    plan: Plan,
    { node: source, sites: [site] }: WeightedNode,
    input: string,
    bias: string | undefined,
  ): void {
    const weight = weightAt(plan, site);
    if (weight.kind !== 'blocks') throw new Error('the weight is not in blocks');
    const { bits, size, dims, axis } = weight;
    const product = bias ? this.#constants.names.fresh(`${source.id}_product`) : (source.outputs[0] ?? '');
    const settings = {
      K: dims[1 - axis] ?? 1,
      N: dims[axis] ?? 1,
      bits,
      block_size: size,
      accuracy_level: this.#settings.accuracyLevel,
    };
    const attributes = new Map(Object.entries(settings).map(([key, value]) => [key, attribute.int(value)]));
    this.#nodes.push({
      ...source,
      opType: 'MatMulNBits',
      domain: RUNTIME_DOMAIN,
      attributes,
      inputs: [input, ...this.#stored(weight, site.weightName)],
      outputs: [product],
    });
    if (bias) this.#nodes.push(node('Add', [product, bias], source.outputs));
  }

  /** Weights that layers share are written once. */
  #stored(weight: BlockTensor, name: string): Stored {
    const known = this.#written.get(weight);
    if (known) return known;
    const { outputs, blocks, codes, zeroPoints } = packBlocks(weight);
    const bytes = (suffix: string, data: Uint8Array, dims: readonly number[]) =>
      this.#constants.add(`${name}_${suffix}`, { type: 'uint8', dims, data });
    // Flat scales and zero points: older releases refuse others, newer ones take both.
    const { scales } = weight;
    const stored = [
      bytes('q', codes, [outputs, blocks, codes.length / (outputs * blocks)]),
      this.#constants.add(`${name}_s`, { type: 'float32', dims: [scales.length], data: scales }),
      ...(zeroPoints ? [bytes('z', zeroPoints, [zeroPoints.length])] : []),
    ];
    this.#written.set(weight, stored);
    return stored;
  }
}
