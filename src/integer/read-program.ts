import { inputAt, type Model, type Node } from '../graph/model.js';
import { qdqForm } from '../graph/qdq-form.js';
import { type CodesRead, type CodesWritten, isQuantizing, QdqGraph } from '../graph/qdq-graph.js';
import { type Arithmetic, highMultiplication, shiftsAlone } from '../numerics/fixed-point.js';
import type { Feed } from '../numerics/nd-array.js';
import { withKnownConstants } from './constants.js';
import { NotInteger, type ProgramSource, shiftOf } from './kernel.js';
import { kernels } from './kernels.js';
import type { Codes, Dims, IntegerOperator, IntegerProgram, IntegerValue, OtherOperator } from './program.js';
import { measureDims } from './shapes.js';

/**
 * A quantized model, in QDQ or in operator form, whoever wrote it, as a network in integers alone. What is no integer operator is listed with the reason:
 * at the ends it is no matter, in between it breaks the network in parts.
 *
 * @param feed - one batch of its inputs, that tells shapes; zeros without it
 */
export async function readProgram(given: Model, feed?: Feed): Promise<IntegerProgram> {
  const model = await withKnownConstants(qdqForm(given, 'all'));
  const dims = await measureDims(model, feed);
  const program = new ProgramReader(model, dims, highMultiplication).read();
  if (!program.operators.some(multiplies) || !program.operators.every(isOfPowers)) return program;
  const shifted = new ProgramReader(model, dims, shiftsAlone).read();
  // An average of nine places is none of shifts.
  return shifted.operators.length === program.operators.length ? shifted : program;
}

/** M0 of a power of two. */
const HALF = 2 ** 30;

/** All that an operator multiplies by. */
const multipliersOf = ({ parameters }: IntegerOperator): number[] =>
  [parameters.multiplier, parameters.multipliers, parameters.outputMultiplier].flatMap((value) => {
    if (typeof value === 'number') return [value];
    return value === undefined || value === null || typeof value === 'string' ? [] : Array.from(value);
  });

const multiplies = (operator: IntegerOperator): boolean => multipliersOf(operator).length > 0;
const isOfPowers = (operator: IntegerOperator): boolean =>
  multipliersOf(operator).every((multiplier) => multiplier === HALF);

/** A name that the file itself has, whoever reads it. */
const idOf = (node: Node): string => node.outputs[0] ?? '';

class ProgramReader implements ProgramSource {
  readonly model: Model;
  readonly qdq: QdqGraph;
  readonly #dims: ReadonlyMap<string, Dims>;
  /** Codes that exist, and what they are shifted by to be int8. */
  readonly #codes = new Map<string, { value: IntegerValue; shift: number }>();
  /** Nodes that an operator before them stands for. */
  readonly #taken = new Set<Node>();
  readonly #inputs: IntegerValue[] = [];
  readonly #operators: IntegerOperator[] = [];
  readonly #constants = new Map<string, Codes>();
  readonly #others: OtherOperator[] = [];
  /** Floats that depend on codes. */
  readonly #derived = new Set<string>();
  readonly #shapes = new Set<string>();

  readonly arithmetic: Arithmetic;

  constructor(model: Model, dims: ReadonlyMap<string, Dims>, arithmetic: Arithmetic) {
    this.arithmetic = arithmetic;
    this.model = model;
    this.qdq = new QdqGraph(model.graph);
    this.#dims = dims;
  }

  read(): IntegerProgram {
    for (const node of this.model.graph.nodes) if (!this.#taken.has(node)) this.#readNode(node);
    this.#followBreaks();
    return {
      isShiftOnly: this.arithmetic.isShiftOnly,
      inputs: this.#inputs,
      outputs: this.#outputs(),
      constants: this.#constants,
      operators: this.#operators,
      others: this.#others,
    };
  }

  dimsOf(value: string): Dims | undefined {
    return this.#dims.get(value);
  }

  valueOf(codes: CodesRead | CodesWritten): IntegerValue {
    const { name, grid } = codes;
    const shift = shiftOf(grid);
    const [scale = 1] = grid.scales;
    const [zeroPoint = 0] = grid.zeroPoints;
    const isConstant = 'tensor' in codes && codes.tensor !== undefined;
    const dims = isConstant ? codes.tensor.dims : this.#dims.get(name);
    return { name, type: 'int8', dims: dims ?? null, scale, zeroPoint: zeroPoint - shift };
  }

  codesNamed(name: string): IntegerValue | undefined {
    return this.#codes.get(name)?.value;
  }

  codeShiftOf(name: string): number | undefined {
    return this.#codes.get(name)?.shift;
  }

  #readNode(node: Node): void {
    if (isQuantizing(node, 'DequantizeLinear')) {
      if (this.#codes.has(node.inputs[0] ?? '')) for (const output of node.outputs) this.#derived.add(output);
      return;
    }
    if (isQuantizing(node, 'QuantizeLinear') && this.#isInput(node)) return;
    if (this.#isOfShapes(node)) return;
    const reason = this.#readOperator(node);
    if (reason === undefined) return;
    const isDerived = node.inputs.some((value) => this.#derived.has(value) || this.#codes.has(value));
    if (isDerived) for (const output of node.outputs) this.#derived.add(output);
    if (isQuantizing(node) && isDerived) {
      this.#breakAt(inputAt(node, 0) ?? '', node, reason);
      // What follows is told all the same.
      this.#addInput(node);
      return;
    }
    if (isQuantizing(node)) return;
    this.#others.push({
      ...{ id: idOf(node), operator: node.opType },
      ...{ place: isDerived ? 'behind' : 'before', reason },
    });
  }

  /** Reads a node by its kernel; gives the reason where it is none. */
  #readOperator(node: Node): string | undefined {
    const kernel = kernels.find(
      ({ opTypes, fits }) =>
        opTypes.includes(node.opType) &&
        (node.domain === '' || isQuantizing(node)) &&
        (fits?.(node, this) ?? true),
    );
    if (!kernel) return 'it has no integer kernel here';
    try {
      const { nodes, constants, ...read } = kernel.read(node, this);
      const missing = read.inputs.find(({ name }) => !this.#codes.has(name) && !constants?.has(name));
      if (missing) {
        this.#breakAt(missing.name, node, 'it reads codes that no integer operator makes');
        return 'it reads codes that no integer operator makes';
      }
      for (const each of nodes) this.#taken.add(each);
      for (const [name, codes] of constants ?? []) this.#constants.set(name, codes);
      this.#operators.push({ id: idOf(node), name: node.name ?? null, operator: kernel.name, ...read });
      for (const value of read.outputs) this.#add(value, this.#shiftAt(node, nodes));
      return undefined;
    } catch (thrown) {
      if (thrown instanceof NotInteger) return thrown.message;
      throw thrown;
    }
  }

  /** What the codes that a node gives are shifted by: by the type that its Q says, or that of what it moves. */
  #shiftAt(node: Node, nodes: readonly Node[]): number {
    const quantize = [node, ...nodes].find((each) => isQuantizing(each, 'QuantizeLinear'));
    const grid = quantize && this.qdq.gridOf(quantize);
    return grid ? shiftOf(grid) : (this.#codes.get(inputAt(node, 0) ?? '')?.shift ?? 0);
  }

  #add(value: IntegerValue, shift: number): void {
    if (value.type === 'int32') this.#derived.add(value.name);
    else this.#codes.set(value.name, { value, shift });
  }

  /** A Q of floats that no code has a part in is where the network begins. */
  #isInput(node: Node): boolean {
    const [value = ''] = node.inputs;
    return !this.#derived.has(value) && !this.qdq.read(value) && this.#addInput(node);
  }

  #addInput(node: Node): boolean {
    const grid = this.qdq.gridOf(node);
    if (grid?.scales.length !== 1 || !['uint8', 'int8'].includes(grid.type)) return false;
    const codes = this.valueOf({ name: node.outputs[0] ?? '', grid, low: 0, high: 0, nodes: [] });
    this.#inputs.push(codes);
    this.#add(codes, shiftOf(grid));
    return true;
  }

  /** Whether a node computes shapes: what becomes of them stands in the dimensions. */
  #isOfShapes(node: Node): boolean {
    const { initializers } = this.model.graph;
    const isKnown = (value: string) =>
      !value || this.#shapes.has(value) || (initializers.get(value)?.dataType.startsWith('int') ?? false);
    const isOne =
      ['Shape', 'Size'].includes(node.opType) ||
      (node.inputs.some((value) => this.#shapes.has(value)) && node.inputs.every(isKnown));
    if (isOne) for (const output of node.outputs) this.#shapes.add(output);
    return isOne;
  }

  /** The network is broken at what makes a value that is codes, or becomes codes again, and is no integer operator. */
  #breakAt(value: string, reader: Node, reason: string): void {
    const producer = this.qdq.uses.producer(value);
    const at = this.#others.findIndex(({ id }) => producer && id === idOf(producer));
    const found = this.#others[at];
    if (found) this.#others[at] = { ...found, place: 'between' };
    else this.#others.push({ id: idOf(reader), operator: reader.opType, place: 'between', reason });
  }

  /** What leads from codes to a break stands between, too: its end alone would not say what the reason is. */
  #followBreaks(): void {
    const places = new Map(this.#others.map(({ id }, at) => [id, at]));
    const waiting = this.#others.flatMap(({ id, place }) => (place === 'between' ? id : []));
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      for (const value of this.qdq.uses.producer(id)?.inputs ?? []) {
        const producer = this.qdq.uses.producer(value);
        const at = producer && places.get(idOf(producer));
        const found = at === undefined ? undefined : this.#others[at];
        if (at === undefined || found?.place !== 'behind') continue;
        this.#others[at] = { ...found, place: 'between' };
        waiting.push(found.id);
      }
    }
  }

  /** Values that floats are made of: behind a DQ that something else than an operator reads, and int32 sums. */
  #outputs(): IntegerValue[] {
    const { uses } = this.qdq;
    const read = new Set(this.#operators.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
    const ids = new Set(this.#operators.map(({ id }) => id));
    const made = [...this.#inputs, ...this.#operators.flatMap(({ outputs }) => outputs)];
    const isReadAsFloat = (value: string): boolean =>
      uses.isOutput(value) ||
      uses.isCaptured(value) ||
      uses
        .readers(value)
        .some(({ node }) =>
          isQuantizing(node, 'DequantizeLinear')
            ? node.outputs.some(isReadAsFloat)
            : !ids.has(idOf(node)) && !this.#taken.has(node) && node.opType !== 'Shape',
        );
    return made.filter(({ name, type }) => type === 'int32' || isReadAsFloat(name) || !read.has(name));
  }
}
