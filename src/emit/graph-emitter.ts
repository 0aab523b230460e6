import { mapBodies } from '../graph/bodies.js';
import { clampBounds } from '../graph/clamp-bounds.js';
import { dropUnreadConstants } from '../graph/edit.js';
import type { FlatGraph } from '../graph/flat.js';
import { BIAS_INPUT, type LinearLayer } from '../graph/linear-layer.js';
import { type Graph, inputAt, isOp, type Node, node, subgraphsOf } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { RECURRENT_INPUT } from '../graph/recurrence.js';
import { floatsOf } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { isWide } from '../numerics/activation.js';
import { quantizeValue } from '../numerics/affine.js';
import { type Runs, roleOf, type WeightedNode } from '../place/placement.js';
import type { Plan } from '../quantize/plan.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import { recurrentBias } from '../quantize/recurrent-bias.js';
import { BlockWriter, type Stored } from './block-writer.js';
import { clampCodes } from './clamp-codes.js';
import type { Constants } from './constants.js';
import { DynamicWriter } from './dynamic-writer.js';
import { guardOf } from './float-guards.js';
import { GemmWriter } from './gemm-writer.js';
import { HardSigmoidWriter } from './hard-sigmoid-writer.js';
import { RowWriter } from './row-writer.js';
import type { ValueNames } from './value-names.js';
import { ValueWriter } from './value-writer.js';
import type { WeightWriter } from './weight-writer.js';

/** What the graph and its bodies are written with. */
export interface EmittedWhole {
  readonly flat: FlatGraph;
  readonly plan: Plan;
  readonly names: ReadonlyMap<string, ValueNames>;
  readonly constants: Constants;
  /** Writes weights into the main graph. */
  readonly weights: WeightWriter;
  /** The nodes of the main graph: what is computed from weights alone is computed there, once. */
  readonly nodes: Node[];
  /** Names of scales, by what the plan keys the quantizer by. */
  readonly scales: Map<string, string>;
  readonly inBlocks: Map<BlockTensor, Stored>;
}

/** Writes the nodes of one graph: the main one, or the body of an If, Loop or Scan. */
export class GraphEmitter {
  readonly #whole: EmittedWhole;
  /** The float graph with its bodies, where constants and shapes are looked up. */
  readonly #flat: Graph;
  readonly #part: Graph;
  readonly #plan: Plan;
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #uses: Uses;
  readonly #names: ReadonlyMap<string, ValueNames>;
  readonly #values: ValueWriter;
  readonly #weights: WeightWriter;
  readonly #gemms: GemmWriter;
  readonly #dynamic: DynamicWriter;
  readonly #blocks: BlockWriter;
  readonly #rows: RowWriter;
  readonly #hardSigmoids: HardSigmoidWriter;
  readonly #dequantizedConstants = new Map<string, string>();
  /** Values whose maker writes under another name: the operator before a fused clamp. */
  readonly #renamed = new Map<string, string>();

  /**
   * @param part - the float graph, or one of its bodies
   * @param nodes - gets its nodes, in order
   */
  constructor(whole: EmittedWhole, part: Graph, nodes: Node[]) {
    const { flat, plan, names, constants, inBlocks, nodes: outside } = whole;
    this.#whole = whole;
    this.#flat = flat.graph;
    this.#part = part;
    this.#plan = plan;
    this.#nodes = nodes;
    this.#uses = flat.uses;
    this.#names = names;
    this.#constants = constants;
    this.#values = new ValueWriter({ ...whole, part, nodes });
    this.#weights = nodes === outside ? whole.weights : whole.weights.inBody(nodes);
    this.#gemms = new GemmWriter(nodes, constants, this.#values);
    this.#dynamic = new DynamicWriter(nodes, constants, this.#weights, outside);
    this.#blocks = new BlockWriter({ nodes, outside, written: inBlocks }, constants, plan.recipe);
    this.#rows = new RowWriter(nodes, constants, this.#weights);
    this.#hardSigmoids = new HardSigmoidWriter(this.#values, this.#weights);
  }

  emit(): Map<string, readonly string[]> {
    this.#fuseClamps();
    for (const input of this.#part.inputs) this.#values.quantize(input.name);
    for (const each of this.#part.nodes) {
      this.#emitNode(each);
      for (const output of each.outputs) {
        this.#values.quantize(output);
        this.#values.publish(output);
      }
    }
    return this.#values.codes;
  }

  /** The operator before a fused clamp writes what the Q behind the clamp reads. */
  #fuseClamps(): void {
    for (const clamp of this.#part.nodes) {
      const role = roleOf(this.#plan.placement, clamp);
      if (role?.kind !== 'clamp' || role.form !== 'fused') continue;
      const [output = ''] = clamp.outputs;
      this.#renamed.set(inputAt(clamp, 0) ?? '', this.#values.namesFor(output).raw);
    }
  }

  #emitNode(source: Node): void {
    const role = roleOf(this.#plan.placement, source);
    if (!role) throw new Error(`${source.id} has no role`);
    const pushWith = (read: (value: string) => string) =>
      this.#push(
        source,
        source.inputs.map((input) => input && read(input)),
      );
    switch (role.kind) {
      case 'weighted':
        this.#emitWeighted(role.weighted);
        break;
      case 'bias':
        this.#emitBiasAdd(source, role.weighted);
        break;
      case 'codes':
        this.#emitOnCodes(source);
        break;
      case 'clamp':
        // A fused one is in the codes that the Q behind it lets through.
        if (role.form === 'codes') this.#emitClampOnCodes(source);
        break;
      case 'arithmetic':
        if (isOp(source, 'HardSigmoid')) this.#push(asAdd(source), this.#hardSigmoids.write(source));
        else pushWith((input) => this.#operand(input));
        break;
      case 'shape':
        pushWith((input) => this.#values.shapeSource(input));
        break;
      case 'float':
        this.#emitFloat(source);
        break;
    }
  }

  #emitWeighted(weighted: WeightedNode): void {
    const { node: source, runs, bias } = weighted;
    const target = this.#plan.biases.get(source.id);
    switch (runs.kind) {
      case 'integer':
        this.#emitInteger(weighted, runs);
        break;
      case 'dynamic': {
        const own = this.#flat.initializers.get(bias ?? '');
        const row = target ?? (own && floatsOf(own));
        this.#dynamic.write(this.#plan, weighted, inputAt(source, 0) ?? '', row);
        break;
      }
      case 'float':
        if (runs.stored === 'rows') {
          const indices = this.#values.float(inputAt(source, 1) ?? '');
          const rows = this.#rows.write(this.#plan, weighted, indices);
          this.#push(node('Mul', [], source.outputs), rows);
        } else if (runs.stored === 'blocks') {
          const row = target && this.#row(target, bias ?? source.id);
          const input = this.#values.float(inputAt(source, 0) ?? '');
          this.#blocks.write(this.#plan, weighted, input, row ?? bias);
        } else this.#emitStored(weighted, runs.linear, target);
        break;
    }
  }

  /** Float constants, one a channel, that take the place of a bias. */
  #row(values: Float32Array, wanted: string): string {
    return this.#constants.add(`${wanted}_b`, { type: 'float32', dims: [values.length], data: values });
  }

  /** Append a copy of a node with other inputs; its outputs get the names that they have before Q. */
  #push(source: Node, inputs: readonly string[]): void {
    const outputs = source.outputs.map(
      (output) => this.#renamed.get(output) ?? this.#names.get(output)?.raw ?? output,
    );
    // The runtime fails to run an NHWC MaxPool that names its left-out indices.
    while (outputs.at(-1) === '') outputs.pop();
    this.#nodes.push({ ...source, inputs: [...inputs], outputs });
  }

  /**
   * An operator that stays float, with what keeps the runtime from making integers of it.
   *
   * @param weights - values that take the place of its inputs, by their number
   */
  #emitFloat(source: Node, weights: ReadonlyMap<number, string> = new Map()): void {
    const inputs = source.inputs.map(
      (input, index) => weights.get(index) ?? (input && this.#values.float(input)),
    );
    for (const [index, value] of weights) inputs[index] = value;
    const guard = guardOf(source, this.#flat, this.#uses, this.#plan.placement);
    if (guard?.kind === 'bias' && !weights.has(guard.input)) {
      const { channels, bias } = guard;
      const tensor = this.#flat.initializers.get(bias ?? '');
      inputs[guard.input] = this.#weights.exactConstant(bias ?? `${source.id}_bias`, tensor, channels);
    }
    if (guard?.kind === 'barrier') inputs[0] = this.#unfused(inputs[0]);
    this.#push(this.#withBodies(source), inputs);
  }

  /** A node with its bodies as they are in the quantized model. */
  #withBodies(source: Node): Node {
    if (subgraphsOf(source).length === 0) return source;
    return mapBodies(source, (body) => {
      const nodes: Node[] = [];
      new GraphEmitter(this.#whole, body, nodes).emit();
      const written = { ...body, nodes, initializers: new Map(body.initializers) };
      dropUnreadConstants(written);
      return written;
    });
  }

  /** A float operator whose weights are stored in few bits, and maybe its bias moved. */
  #emitStored(
    { node: source, sites, bias }: WeightedNode,
    linear: LinearLayer | undefined,
    target: Float32Array | undefined,
  ): void {
    const floats = new Map(sites.map((site) => [site.input, this.#weights.stored(this.#plan, site)]));
    const own = recurrentBias(this.#flat, this.#plan, source, sites);
    if (own) floats.set(RECURRENT_INPUT.bias, this.#constants.add(`${bias ?? source.id}_b`, own));
    if (!target || !linear) {
      this.#emitFloat(source, floats);
      return;
    }
    const row = this.#row(target, bias ?? source.id);
    if (!isOp(source, 'MatMul')) {
      this.#emitFloat(source, floats.set(BIAS_INPUT, row));
      return;
    }
    const product = this.#constants.names.fresh(`${source.id}_product`);
    const inputs = source.inputs.map((input, index) => floats.get(index) ?? this.#values.float(input));
    this.#nodes.push({ ...source, inputs, outputs: [product] });
    this.#push({ ...asAdd(source), name: undefined }, [product, row]);
  }

  /** A float value behind a Clip without bounds: the runtime's pattern for an integer kernel does not match then. */
  #unfused(value = ''): string {
    const output = this.#constants.names.fresh(`${value}_float`);
    this.#nodes.push(node('Clip', [value], [output]));
    return output;
  }

  #emitInteger(weighted: WeightedNode, { linear, biasAdd }: Extract<Runs, { kind: 'integer' }>): void {
    const { node: source } = weighted;
    const hasBias = this.#plan.biases.has(source.id);
    const isMatMul = isOp(source, 'MatMul');
    if (isMatMul && hasBias && !this.#isMatrix(source)) {
      // Written where its bias is added.
      if (!biasAdd) this.#emitAsGemm(source, weighted, linear);
      return;
    }
    const inputs = [...source.inputs];
    inputs[0] = this.#values.layerInput(inputAt(source, 0) ?? '');
    inputs[1] = this.#weights.dequantized(this.#plan, weighted);
    const own = hasBias && !biasAdd;
    if (own) inputs[BIAS_INPUT] = this.#weights.bias(this.#plan, weighted);
    // A bias that the MatMul did not have is one of a Gemm.
    this.#push(own && isMatMul ? { ...source, opType: 'Gemm' } : source, inputs);
  }

  /** The Add of a MatMul's bias. The runtime makes a Gemm of the two for matrices, and for more axes of known size. */
  #emitBiasAdd(source: Node, weighted: WeightedNode): void {
    const { node: matMul, runs } = weighted;
    if (runs.linear && !this.#isMatrix(matMul)) {
      this.#emitAsGemm(source, weighted, runs.linear);
      return;
    }
    const bias = this.#weights.bias(this.#plan, weighted);
    this.#push(
      source,
      source.inputs.map((input) => (input === weighted.bias ? bias : input)),
    );
  }

  /** @param last - the node whose result it is: the MatMul's, or that of the Add behind it */
  #emitAsGemm(last: Node, weighted: WeightedNode, linear: LinearLayer): void {
    const rows = this.#gemms.write(linear, () => ({
      weight: this.#weights.dequantized(this.#plan, weighted),
      bias: this.#weights.bias(this.#plan, weighted),
    }));
    // Names are unique: the product has that of the MatMul.
    const name = last.id === weighted.node.id ? undefined : last.name;
    this.#push({ ...last, name, opType: 'Reshape' }, rows);
  }

  #isMatrix(matMul: Node): boolean {
    return rankOf(this.#flat, this.#uses, inputAt(matMul, 0) ?? '') === 2;
  }

  #emitOnCodes(source: Node): void {
    const [data = '', ...others] = source.inputs;
    const inputs = [
      this.#values.namesFor(data).codes,
      ...others.map((input) => input && this.#values.float(input)),
    ];
    if (isOp(source, 'Pad')) {
      // The padding value as a code; without one the runtime would pad with code 0, which is not real 0.
      const value = this.#flat.initializers.get(inputs[2] ?? '');
      const real = value ? (floatsOf(value)[0] ?? 0) : 0;
      const grid = this.#values.grid(data);
      inputs[2] = this.#constants.code(quantizeValue(real, grid), isWide(grid));
    }
    this.#push(source, inputs);
  }

  #emitClampOnCodes(source: Node): void {
    const data = inputAt(source, 0) ?? '';
    const grid = this.#values.grid(data);
    const { low, high } = clampCodes(clampBounds(this.#flat, source), grid);
    const inputs = [
      this.#values.namesFor(data).codes,
      this.#constants.code(low, isWide(grid)),
      this.#constants.code(high, isWide(grid)),
    ];
    const outputs = source.outputs.map((output) => this.#values.namesFor(output).codes);
    this.#nodes.push({ ...source, opType: 'Clip', attributes: new Map(), inputs, outputs });
  }

  /** An operand of integer arithmetic: an activation, or a constant in uint8. */
  #operand(value: string): string {
    const constant = this.#plan.constants.get(value);
    if (!constant) return this.#values.dequantized(value);
    const name = this.#dequantizedConstants.get(value) ?? this.#weights.operand(constant, value);
    this.#dequantizedConstants.set(value, name);
    return name;
  }
}

/** An Add that takes the place of a node. */
const asAdd = (source: Node): Node => ({ ...source, opType: 'Add', attributes: new Map() });
