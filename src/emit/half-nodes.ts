import { type DataType, dataTypeCodes } from '../graph/data-type.js';
import { NameScope } from '../graph/edit.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import {
  attribute,
  inputAt,
  intAttribute,
  isOp,
  type Model,
  type Node,
  node,
  opsetOf,
} from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { valueTypes } from '../graph/value-types.js';
import { MOST_HALF } from '../numerics/half.js';
import { isInteger, type Placement } from '../place/placement.js';
import type { EmittedModel } from './emit-model.js';
import { halfOf } from './half-constants.js';
import { floatInputs, type HalfRule, halfRuleOf } from './half-operators.js';

/** A node that stays in float32 though its operator is written in float16, and the value or the constant that asks for it. */
export interface KeptWide {
  readonly id: string;
  readonly value: string;
  readonly isConstant: boolean;
}

/** Clip has its bounds as inputs from this opset on. */
const CLIP_INPUTS_OPSET = 11;

/** What became of the floats of a model. */
export interface HalfNodes {
  /** Nodes that are written in float16. */
  readonly nodes: number;
  readonly kept: readonly KeptWide[];
}

/**
 * What is not quantized, in float16: nodes whose operators the runtime has in float16, between Casts. Inputs and outputs of the model
 * keep their types, what a body reads is float32, and so are layers on integers with all that belongs to them. Beside such layers
 * only what hangs together with a layer is in float16.
 *
 * A node stays in float32 where a constant of it is not held by float16 to a thousandth, or where a value that it reads or makes
 * was seen beyond its range (`beyondHalf` of the float model).
 *
 * @param float - the folded float model
 */
export function inHalf(
  emitted: EmittedModel,
  float: Model,
  placement: Placement,
): { emitted: EmittedModel; halves: HalfNodes } {
  const writer = new HalfWriter(emitted.model, float, placement);
  return { emitted: { ...emitted, model: writer.write() }, halves: writer.made };
}

class HalfWriter {
  readonly #model: Model;
  readonly #beyond: ReadonlySet<string>;
  readonly #placement: Placement;
  readonly #uses: Uses;
  readonly #types: ReadonlyMap<string, DataType>;
  readonly #names: NameScope;
  readonly #initializers: Map<string, Tensor>;
  readonly #valueInfo: Model['graph']['valueInfo'];
  readonly #chosen = new Map<Node, HalfRule>();
  readonly #kept: KeptWide[] = [];
  /** Values that nodes make in float16. */
  readonly #halves = new Set<string>();
  /** Values whose makers have a constant beyond float16: they are brought into its range before a Cast. */
  readonly #clamped = new Set<string>();
  readonly #fits = new Map<string, Tensor | undefined>();
  /** The names of values in float16, and of those that exist in float32, too. */
  readonly #halfNames = new Map<string, string>();
  readonly #wide = new Set<string>();
  #nodes: Node[] = [];

  constructor(model: Model, float: Model, placement: Placement) {
    const { graph } = model;
    this.#model = model;
    this.#beyond = float.beyondHalf ?? new Set();
    this.#placement = placement;
    this.#uses = indexUses(graph);
    this.#types = valueTypes(graph);
    this.#names = new NameScope(graph);
    this.#initializers = new Map(graph.initializers);
    this.#valueInfo = new Map(graph.valueInfo);
    for (const each of graph.nodes) this.#choose(each);
    if (isOnIntegers(placement)) this.#dropBetween(float);
  }

  get made(): HalfNodes {
    return { nodes: this.#chosen.size, kept: this.#chosen.size > 0 ? this.#kept : [] };
  }

  #choose(each: Node): void {
    const rule = halfRuleOf(each);
    if (!rule || !this.#isFloat(each, rule)) return;
    const floats = floatInputs(each, rule);
    const isHeld = (value: string) => this.#initializers.has(value) || this.#sourceOf(value) !== undefined;
    if (rule.kind === 'moves' && !floats.every(isHeld)) return;
    const constant = floats.find((value) => this.#initializers.has(value) && !this.#half(value));
    const beyond = [...floats, ...each.outputs].find((value) => this.#beyond.has(value));
    const asks = constant ?? beyond;
    if (asks !== undefined) {
      this.#kept.push({ id: each.id, value: asks, isConstant: constant !== undefined });
      if (constant !== undefined) for (const output of each.outputs) this.#clamped.add(output);
      return;
    }
    this.#chosen.set(each, rule);
    for (const output of each.outputs) if (output) this.#halves.add(output);
  }

  /**
   * What hangs together in float16 without a layer among it has no weights: between integer layers, which run on the CPU alone, it
   * would be Casts.
   */
  #dropBetween(float: Model): void {
    const stored = this.#placement.weighted.filter(
      ({ runs }) => !('stored' in runs && runs.stored === 'rows'),
    );
    const layers = new Set([
      ...stored.map(({ node: { id } }) => id),
      ...float.graph.nodes.filter((each) => linearLayerOf(float.graph, each)).map(({ id }) => id),
    ]);
    const groupOf = groupsOf([...this.#chosen.keys()], this.#halves);
    const kept = new Set([...this.#chosen.keys()].filter(({ id }) => layers.has(id)).map(groupOf));
    for (const each of [...this.#chosen.keys()]) {
      if (kept.has(groupOf(each))) continue;
      this.#chosen.delete(each);
      for (const output of each.outputs) this.#halves.delete(output);
    }
  }

  /** Whether a node computes in float32 now, and belongs to no layer on integers. */
  #isFloat(each: Node, rule: HalfRule): boolean {
    const role = this.#placement.roles.get(each.id);
    const isOwn =
      role?.kind === 'float' || (role?.kind === 'weighted' && role.weighted.runs.kind === 'float');
    const isBlocks = !role && isOp(each, 'DequantizeLinear');
    if ((!isOwn && !isBlocks) || (role && isInteger(role))) return false;
    const floats = floatInputs(each, rule);
    return floats.length > 0 && floats.every((value) => this.#types.get(value) === 'float32');
  }

  /** What holds a value in float16 already: a node that is written so, or what a Cast to float32 reads. */
  #sourceOf(value: string): string | undefined {
    if (this.#halves.has(value)) return value;
    const maker = this.#uses.producer(value);
    const read = maker && isOp(maker, 'Cast') ? inputAt(maker, 0) : undefined;
    return read !== undefined && this.#types.get(read) === 'float16' ? read : undefined;
  }

  /** A constant in float16; undefined where that does not hold it. */
  #half(name: string): Tensor | undefined {
    const tensor = this.#initializers.get(name);
    if (!this.#fits.has(name)) this.#fits.set(name, tensor && halfOf(tensor, 1));
    return this.#fits.get(name);
  }

  write(): Model {
    const { graph } = this.#model;
    if (this.#chosen.size === 0) return this.#model;
    for (const each of graph.nodes) {
      if (!this.#isWideRead(each)) continue;
      for (const value of each.inputs) this.#wide.add(value);
    }
    for (const each of graph.nodes) this.#emit(each);
    const written = {
      ...graph,
      nodes: this.#nodes,
      initializers: this.#initializers,
      valueInfo: this.#valueInfo,
    };
    this.#storeOnce(written);
    written.nodes = withoutUnread(written);
    return { ...this.#model, graph: written };
  }

  /** Whether a node reads its floats in float32. */
  #isWideRead(each: Node): boolean {
    return !this.#chosen.has(each) && !isCastToHalf(each);
  }

  #emit(each: Node): void {
    const rule = this.#chosen.get(each);
    if (!rule) {
      const [read = ''] = each.inputs;
      // A Cast to float16, of what is in float16 already.
      const isDone = isCastToHalf(each) && this.#halves.has(read);
      this.#nodes.push(isDone ? { ...each, inputs: [this.#inHalf(read)] } : each);
      return;
    }
    const floats = new Set(floatInputs(each, rule));
    const inputs = each.inputs.map((value) => (floats.has(value) ? this.#inHalf(value) : value));
    const widened: Node[] = [];
    const outputs = each.outputs.map((value) => {
      if (!value) return value;
      const keeps = this.#wide.has(value) || this.#uses.isOutput(value) || this.#uses.isCaptured(value);
      const name = keeps ? this.#names.fresh(`${value}_h`) : value;
      this.#halfNames.set(value, name);
      if (keeps) widened.push(cast(name, value, 'float32'));
      else this.#valueInfo.delete(value);
      return name;
    });
    this.#nodes.push({ ...each, inputs, outputs }, ...widened);
  }

  /** The name of a value in float16, made where it is not there yet. */
  #inHalf(value: string): string {
    const known = this.#halfNames.get(value);
    if (known !== undefined) return known;
    const constant = this.#initializers.has(value) ? this.#half(value) : undefined;
    const name = constant ? this.#names.fresh(`${value}_h`) : (this.#sourceOf(value) ?? this.#castOf(value));
    if (constant) this.#initializers.set(name, constant);
    this.#halfNames.set(value, name);
    return name;
  }

  #castOf(value: string): string {
    const name = this.#names.fresh(`${value}_h`);
    let read = value;
    if (this.#clamped.has(value)) {
      read = this.#names.fresh(`${value}_clamped`);
      this.#nodes.push(this.#clip(value, read));
    }
    this.#nodes.push(cast(read, name, 'float16'));
    return name;
  }

  /** What is beyond float16, at its ends. */
  #clip(value: string, output: string): Node {
    if (opsetOf(this.#model) >= CLIP_INPUTS_OPSET)
      return node('Clip', [value, this.#scalar(-MOST_HALF), this.#scalar(MOST_HALF)], [output]);
    const bounds = { min: attribute.float(-MOST_HALF), max: attribute.float(MOST_HALF) };
    return node('Clip', [value], [output], bounds);
  }

  #scalar(value: number): string {
    const name = this.#names.fresh(value < 0 ? 'least_half' : 'most_half');
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    this.#initializers.set(name, { dataType: 'float32', dims: [], storage: { kind: 'raw', bytes } });
    return name;
  }

  /** Constants that are read in both types stand in float16, behind a Cast for who reads float32; what nothing reads goes. */
  #storeOnce(graph: Model['graph']): void {
    const uses = indexUses(graph);
    const casts: Node[] = [];
    for (const [value, name] of this.#halfNames) {
      if (!this.#initializers.has(value) || name === value) continue;
      if (!uses.isUnused(value) && !uses.isOutput(value)) casts.push(cast(name, value, 'float32'));
      if (!uses.isOutput(value)) this.#initializers.delete(value);
    }
    graph.nodes = [...casts, ...graph.nodes];
  }
}

/** Whether layers run on integers, their ranges fixed or found at every run. */
const isOnIntegers = ({ weighted }: Placement): boolean => weighted.some(({ runs }) => runs.kind !== 'float');

/** Tells nodes that hang together by the values given: such nodes have one number. */
function groupsOf(nodes: readonly Node[], values: ReadonlySet<string>): (each: Node) => number {
  const above = nodes.map((_, i) => i);
  const top = (i: number): number => {
    let at = i;
    while (above[at] !== at) at = above[at] as number;
    above[i] = at;
    return at;
  };
  const makers = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)));
  nodes.forEach(({ inputs }, i) => {
    for (const input of inputs) {
      const maker = values.has(input) ? makers.get(input) : undefined;
      if (maker !== undefined) above[top(i)] = top(maker);
    }
  });
  const numbers = new Map(nodes.map((each, i) => [each, i]));
  return (each) => top(numbers.get(each) ?? -1);
}

const cast = (from: string, to: string, type: DataType): Node =>
  node('Cast', [from], [to], { to: attribute.int(dataTypeCodes[type]) });

const isCastToHalf = (each: Node): boolean =>
  isOp(each, 'Cast') && intAttribute(each, 'to', 0) === dataTypeCodes.float16;

/** Casts that nothing reads go. */
function withoutUnread(graph: Model['graph']): Node[] {
  const uses = indexUses(graph);
  return graph.nodes.filter((each) => !isOp(each, 'Cast') || !uses.isUnused(each.outputs[0] ?? ''));
}
