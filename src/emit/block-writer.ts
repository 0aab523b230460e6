import { RUNTIME_DOMAIN } from '../graph/integer-forms.js';
import { attribute, type Node, node } from '../graph/model.js';
import type { WeightedNode } from '../place/placement.js';
import { type Plan, weightAt } from '../quantize/plan.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import type { Recipe } from '../recipe.js';
import type { Constants } from './constants.js';
import { blockedTensors, packBlocks, packHighFirst } from './weights/blocks.js';

/** The only version of onnxruntime's own operators. */
export const RUNTIME_DOMAIN_VERSION = 1;

/** Names of what a layer reads beside its input: codes, scales and, where there are some, zero points; or the floats. */
export type Stored = readonly string[];

/** How a recipe has its weights in blocks. */
type BlockRecipe = Pick<Recipe, 'format' | 'blocks'>;

/** Where a writer puts what it makes. */
interface Places {
  /** Gets the nodes, in order. */
  readonly nodes: Node[];
  /** Gets those that compute from weights alone: of a body's layers, in the main graph. The same ones without it. */
  readonly outside?: Node[];
  /** The weights that others have written already, and what gets those that this one writes. */
  readonly written?: Map<BlockTensor, Stored>;
}

/**
 * Writes layers whose weights are in blocks, y = x·Wᵀ with W = (code − zero point)·scale, block by block:
 *
 * - `matmulnbits`: com.microsoft MatMulNBits, W [outputs, inputs] unpacked by the kernel itself;
 * - `matmulbnb4`: com.microsoft MatMulBnb4, the same in the levels of NF4;
 * - `qdq-blocks`: ONNX's own DequantizeLinear with blocks along axis 0 of W [inputs, outputs], and MatMul.
 *
 * A Gemm's bias is an Add behind it.
 */
export class BlockWriter {
  readonly #nodes: Node[];
  readonly #outside: Node[];
  readonly #constants: Constants;
  readonly #recipe: BlockRecipe;
  readonly #written: Map<BlockTensor, Stored>;

  constructor(
    { nodes, outside = nodes, written = new Map() }: Places,
    constants: Constants,
    recipe: BlockRecipe,
  ) {
    this.#nodes = nodes;
    this.#outside = outside;
    this.#constants = constants;
    this.#recipe = recipe;
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
    const product = bias ? this.#constants.names.fresh(`${source.id}_product`) : (source.outputs[0] ?? '');
    const stored = this.#stored(weight, site.weightName);
    this.#nodes.push({
      ...source,
      ...(this.#recipe.format === 'qdq-blocks' ? matMul : this.#operator(weight)),
      inputs: [input, ...stored],
      outputs: [product],
    });
    if (bias) this.#nodes.push(node('Add', [product, bias], source.outputs));
  }

  #operator({ bits, size, dims, axis }: BlockTensor): Pick<Node, 'opType' | 'domain' | 'attributes'> {
    const shape = { K: dims[1 - axis] ?? 1, N: dims[axis] ?? 1, block_size: size };
    const isNormal = this.#recipe.format === 'matmulbnb4';
    const settings: Readonly<Record<string, number>> = isNormal
      ? { ...shape, quant_type: NF4 }
      : { ...shape, bits, accuracy_level: this.#recipe.blocks.accuracyLevel };
    const attributes = new Map(Object.entries(settings).map(([key, value]) => [key, attribute.int(value)]));
    return { opType: isNormal ? 'MatMulBnb4' : 'MatMulNBits', domain: RUNTIME_DOMAIN, attributes };
  }

  /** Weights that layers share are written once. */
  #stored(weight: BlockTensor, name: string): Stored {
    const known = this.#written.get(weight);
    if (known) return known;
    const stored =
      this.#recipe.format === 'qdq-blocks' ? [this.#dequantized(weight, name)] : this.#packed(weight, name);
    this.#written.set(weight, stored);
    return stored;
  }

  #packed(weight: BlockTensor, name: string): Stored {
    if (this.#recipe.format === 'matmulbnb4') return this.#normal(weight, name);
    const { outputs, blocks, codes, zeroPoints } = packBlocks(weight);
    const bytes = (suffix: string, data: Uint8Array, dims: readonly number[]) =>
      this.#constants.add(`${name}_${suffix}`, { type: 'uint8', dims, data });
    // Flat scales and zero points: older releases refuse others, newer ones take both.
    const { scales } = weight;
    return [
      bytes('q', codes, [outputs, blocks, codes.length / (outputs * blocks)]),
      this.#constants.add(`${name}_s`, { type: 'float32', dims: [scales.length], data: scales }),
      ...(zeroPoints ? [bytes('z', zeroPoints, [zeroPoints.length])] : []),
    ];
  }

  #normal({ codes, scales }: BlockTensor, name: string): Stored {
    const data = packHighFirst(codes);
    return [
      this.#constants.add(`${name}_q`, { type: 'uint8', dims: [data.length], data }),
      this.#constants.add(`${name}_s`, { type: 'float32', dims: [scales.length], data: scales }),
    ];
  }

  #dequantized(weight: BlockTensor, name: string): string {
    const { codes, scales, zeroPoints, blocks } = blockedTensors(weight);
    const dims = [blocks, scales.length / blocks];
    const inputs = [
      this.#constants.addTensor(`${name}_q`, codes),
      this.#constants.add(`${name}_s`, { type: 'float32', dims, data: scales }),
      ...(zeroPoints ? [this.#constants.addTensor(`${name}_z`, zeroPoints)] : []),
    ];
    const output = this.#constants.names.fresh(`${name}_dq`);
    const attributes = { axis: attribute.int(0), block_size: attribute.int(weight.size) };
    this.#outside.push(node('DequantizeLinear', inputs, [output], attributes));
    return output;
  }
}

/** The levels of MatMulBnb4 by their number: 0 are those of FP4. */
const NF4 = 1;

/** A Gemm without its factors, and its weight not across. */
const matMul = { opType: 'MatMul', attributes: new Map() };
