import { ownNames } from '../graph/bodies.js';
import type { ClampBounds } from '../graph/clamp-bounds.js';
import { dequantizeNode, type NodeScope, type Parameters, quantizeNodes } from '../graph/fake-quantize.js';
import type { FlatGraph } from '../graph/flat.js';
import { attribute, type Graph, isOp, type Node, node } from '../graph/model.js';
import { type ActivationQuantizer, isWide } from '../numerics/activation.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import { hardSigmoidOf } from '../place/operators.js';
import { layerKeyOf, roleOf } from '../place/placement.js';
import { type Plan, quantizerOf } from '../quantize/plan.js';
import { clampCodes, codesWithinClamp } from './clamp-codes.js';
import type { Constants } from './constants.js';
import { movesCodes, type ValueNames } from './value-names.js';

/** What the values of a graph are written with. */
export interface ValueSources {
  readonly flat: FlatGraph;
  /** The float graph or a body of it, whose values these are; others are of graphs around it. */
  readonly part: Graph;
  readonly plan: Plan;
  readonly names: ReadonlyMap<string, ValueNames>;
  readonly constants: Constants;
  /** Gets the nodes, in order. */
  readonly nodes: Node[];
  /** Scale initializers by root value: shared by all values that have the root's parameters. */
  readonly scales: Map<string, string>;
}

/** Writes the quantized values of a graph: their Q, their DQ, scale and zero point. */
export class ValueWriter {
  readonly #sources: ValueSources;
  readonly #own: ReadonlySet<string>;
  readonly #dequantizedValues = new Map<string, string>();
  /** Of values that layers read in narrower codes. */
  readonly #layerCodes = new Map<string, { codes: string; parameters: Parameters }>();
  readonly #layerInputs = new Map<string, string>();

  constructor(sources: ValueSources) {
    this.#sources = sources;
    this.#own = ownNames(sources.part);
  }

  /** For each quantized value of its graph what a DQ of it reads: its codes, their scale and zero point. */
  get codes(): Map<string, readonly string[]> {
    const { names } = this.#sources;
    const own = [...names].filter(([name]) => this.#own.has(name));
    return new Map(own.map(([name, { codes }]) => [name, [codes, ...this.parameters(name)]]));
  }

  namesFor(value: string): ValueNames {
    const names = this.#sources.names.get(value);
    if (!names) throw new Error(`${value} is not quantized`);
    return names;
  }

  /** The grid of a value's codes, before and behind a table alike. */
  grid(value: string): AffineQuantizer {
    return this.#quantizerOf(value).grid;
  }

  /** Q behind a value that is quantized and not made of codes already. */
  quantize(value: string): void {
    const { names, plan, flat, nodes } = this.#sources;
    const named = names.get(value);
    if (!named || movesCodes(plan.placement, flat.uses, value)) return;
    const quantizer = this.#quantizerOf(value);
    const scope = this.#scopeOf(value);
    const parameters = this.#parametersOfRaw(value);
    nodes.push(
      ...quantizeNodes(named.raw, quantizer, parameters, named.codes, scope, this.#reachedCodes(value)),
    );
  }

  /** Scale and zero point of a value, rank 0. */
  parameters(value: string): Parameters {
    const root = this.#sources.plan.placement.values.get(value)?.root ?? value;
    return this.#parametersOf(root, this.grid(value));
  }

  #parametersOf(key: string, grid: AffineQuantizer): Parameters {
    const { scale, zeroPoint } = grid;
    const { constants, scales } = this.#sources;
    let name = scales.get(key);
    if (!name) {
      name = constants.add(`${key}_s`, { type: 'float32', dims: [], data: Float32Array.of(scale) });
      scales.set(key, name);
    }
    return [name, constants.code(zeroPoint, isWide(grid))];
  }

  /** DQ of a value that the outside knows by its name. */
  publish(value: string): void {
    const { plan, flat } = this.#sources;
    if (plan.placement.values.get(value)?.madeByInteger && flat.uses.isOutput(value)) this.dequantized(value);
  }

  /**
   * The dequantized form of a quantized value, made when first asked for; in a body anew, since no kernel takes a DQ in that stands
   * outside.
   */
  dequantized(value: string): string {
    const known = this.#dequantizedValues.get(value);
    if (known !== undefined) return known;
    const { codes, dequantized } = this.namesFor(value);
    const output = this.#own.has(value) ? dequantized : this.#sources.constants.names.fresh(`${value}_dq`);
    this.#dequantizedValues.set(value, output);
    this.#sources.nodes.push(dequantizeNode(codes, this.parameters(value), output));
    return output;
  }

  /** The codes that a layer reads of a value, and their parameters. */
  layerCodes(value: string): { codes: string; parameters: Parameters } {
    const { plan, nodes, constants } = this.#sources;
    const placed = plan.placement.values.get(value);
    if (placed?.layerBits === undefined)
      return { codes: this.namesFor(value).codes, parameters: this.parameters(value) };
    const known = this.#layerCodes.get(value);
    if (known) return known;
    const key = layerKeyOf(placed);
    const quantizer = plan.activations.get(key)?.quantizer;
    if (!quantizer) throw new Error(`${key} has no quantizer`);
    const fresh = (suffix: string) => constants.names.fresh(`${value}_${suffix}`);
    const [same, codes] = [fresh('same'), fresh('n')];
    const parameters = this.#parametersOf(key, quantizer.grid);
    // A DQ and a Q alone run as two float operators; with a LeakyRelu that changes nothing they are one table of codes.
    nodes.push(node('LeakyRelu', [this.dequantized(value)], [same], { alpha: attribute.float(1) }));
    nodes.push(...quantizeNodes(same, quantizer, parameters, codes, this.#scopeOf(value)));
    const made = { codes, parameters };
    this.#layerCodes.set(value, made);
    return made;
  }

  /** What a layer reads of a value. */
  layerInput(value: string): string {
    const { plan, nodes, constants } = this.#sources;
    if (plan.placement.values.get(value)?.layerBits === undefined) return this.dequantized(value);
    const known = this.#layerInputs.get(value);
    if (known) return known;
    const { codes, parameters } = this.layerCodes(value);
    const output = constants.names.fresh(`${value}_ndq`);
    nodes.push(dequantizeNode(codes, parameters, output));
    this.#layerInputs.set(value, output);
    return output;
  }

  /** What a float operator reads: the float itself, unless integers made the value. */
  float(value: string): string {
    const placed = this.#sources.plan.placement.values.get(value);
    return placed?.madeByInteger ? this.dequantized(value) : value;
  }

  /** What reads only a shape: the codes, so that no DQ stands for it. */
  shapeSource(value: string): string {
    const placed = this.#sources.plan.placement.values.get(value);
    return placed?.madeByInteger ? this.namesFor(value).codes : value;
  }

  #quantizerOf(value: string): ActivationQuantizer {
    const quantizer = quantizerOf(this.#sources.plan, value);
    if (!quantizer) throw new Error(`${value} has no quantizer`);
    return quantizer;
  }

  #scopeOf(value: string): NodeScope {
    const { constants } = this.#sources;
    return {
      fresh: (suffix) => constants.names.fresh(`${value}_${suffix}`),
      constant: (suffix, array) => constants.add(`${value}_${suffix}`, array),
      uint8: (code) => constants.uint8(code),
      int64List: (values) => constants.int64List(values),
    };
  }

  /**
   * The codes of a value: those of its quantizer, within the clamp that is fused into it. No clamp is left to the
   * runtime in float: one that the Q behind it does not make superfluous breaks the fusion, and onnxruntime 1.30 fails to
   * load a model in which the Q sticks out of the clamp by less than half a step.
   */
  #reachedCodes(value: string): ClampBounds {
    const { flat, plan } = this.#sources;
    const quantizer = this.grid(value);
    if (this.#hardSigmoidAt(value)) return clampCodes({ low: 0, high: 1 }, quantizer);
    return codesWithinClamp(value, quantizer, { ...flat, placement: plan.placement });
  }

  /** Scale and zero point of the Q of a value: its own, but for a HardSigmoid, whose Add makes 1/α of it. */
  #parametersOfRaw(value: string): Parameters {
    const parameters = this.parameters(value);
    const hardSigmoid = this.#hardSigmoidAt(value);
    if (!hardSigmoid) return parameters;
    const data = Float32Array.of(this.grid(value).scale / hardSigmoidOf(hardSigmoid).alpha);
    const scale = this.#sources.constants.add(`${value}_s`, { type: 'float32', dims: [], data });
    return [scale, parameters[1]];
  }

  /** The HardSigmoid that makes a value in integers; undefined where another operator does. */
  #hardSigmoidAt(value: string): Node | undefined {
    const { flat, plan } = this.#sources;
    const producer = flat.uses.producer(value);
    const isInteger = producer && roleOf(plan.placement, producer)?.kind === 'arithmetic';
    return isInteger && isOp(producer, 'HardSigmoid') ? producer : undefined;
  }
}
