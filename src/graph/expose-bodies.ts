import type { NdArray } from '../numerics/nd-array.js';
import { mapBodies, ownNames } from './bodies.js';
import { type DataType, dataTypeCodes } from './data-type.js';
import { NameScope } from './edit.js';
import { flatOf } from './flat.js';
import { type Attribute, attribute, type Graph, isOp, type Node, node, subgraphsOf } from './model.js';
import { tensorOf } from './tensor.js';
import { valueTypes } from './value-types.js';

/**
 * Elements of a value that are kept of all steps of a Loop, beside the smallest and the largest: the last ones, as many as it has at so
 * many steps, and no fewer than these. A step copies them, so that a long loop takes time by its steps and not by their square, and
 * memory by none.
 */
const STEPS_KEPT = 8;
const LEAST_KEPT = 2 ** 16;

/**
 * Elements that are seen of a value at each step of a Scan, spread evenly over all, beside the smallest and the largest: every step
 * must give as many, whatever the value's shape there.
 */
const SEEN_OF_STEP = 1024;

const LARGEST = Math.fround(3.4e38);

const along = { axis: attribute.int(1) };

/** Adds a node; gives the name of its result. */
type Adder = (
  opType: string,
  inputs: readonly string[],
  suffix: string,
  attributes?: Readonly<Record<string, Attribute>>,
) => string;

/** What a body gives beside its own outputs: the name there of what is seen of a value, by the value. */
type Seen = ReadonlyMap<string, string>;

/**
 * A copy of a graph whose nodes give values of their bodies as further results, each under its own name, in float32 whatever they are:
 *
 * - If: from the branch that has the value; nothing, from the other one.
 * - Scan: one output more, of some elements and the ends of each step; of a value that a step may lack, in an If or a Loop there, those of
 *   the steps that have it, but for NaN.
 * - Loop: a state more, to which each step adds what it has, in a row [1, n]: a shape may change from step to step. The last
 *   elements are kept, and the smallest and the largest of those before.
 */
export class ExposedBodies {
  readonly graph: Graph;
  readonly #wanted: ReadonlySet<string>;
  readonly #names: NameScope;
  readonly #types: ReadonlyMap<string, DataType>;
  readonly #constants = new Map<string, string>();
  readonly #initializers: Map<string, ReturnType<typeof tensorOf>>;
  /** In bodies the values have other names, since those of the nodes' results are taken. */
  readonly #inner = new Map<string, string>();

  /** @param wanted - names of values of bodies */
  constructor(graph: Graph, wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
    this.#names = new NameScope(graph);
    this.#types = valueTypes(flatOf(graph).graph);
    this.#initializers = new Map(graph.initializers);
    for (const value of wanted) this.#inner.set(value, this.#names.fresh(`${value}~inner`));
    const { nodes } = this.#nodesOf(graph, (value) => value);
    this.graph = { ...graph, nodes, initializers: this.#initializers };
  }

  /** The nodes of a graph, and what is seen of the values of their bodies. */
  #nodesOf(graph: Graph, nameOf: (value: string) => string): { nodes: Node[]; seen: Map<string, string> } {
    const nodes: Node[] = [];
    const seen = new Map<string, string>();
    for (const each of graph.nodes) {
      const renamed: Node = {
        ...each,
        inputs: each.inputs.map((name) => this.#nameOf(name)),
        outputs: each.outputs.map((name) => this.#nameOf(name)),
      };
      if (subgraphsOf(each).length === 0) {
        nodes.push(renamed);
        continue;
      }
      const bodies = new Map<Graph, { body: Graph; seen: Seen }>();
      for (const body of subgraphsOf(each)) bodies.set(body, this.#bodyOf(body));
      const values = [...bodies.values()].flatMap((body) => [...body.seen.keys()]);
      for (const value of values) seen.set(value, nameOf(value));
      nodes.push(...this.#giving(renamed, bodies, values, seen));
    }
    return { nodes, seen };
  }

  #nameOf(name: string): string {
    return this.#inner.get(name) ?? name;
  }

  /** A body under the names that its values have here, and what is seen of them. */
  #bodyOf(body: Graph): { body: Graph; seen: Seen } {
    const { nodes, seen } = this.#nodesOf(body, (value) => this.#names.fresh(`${value}~seen`));
    for (const name of ownNames(body)) {
      if (!this.#wanted.has(name)) continue;
      const isFloat = (this.#types.get(name) ?? 'float32') === 'float32';
      seen.set(name, isFloat ? this.#nameOf(name) : this.#asFloat(nodes, name));
    }
    const keep = <T extends { readonly name: string }>(each: T): T => ({
      ...each,
      name: this.#nameOf(each.name),
    });
    return {
      body: {
        ...body,
        nodes,
        initializers: new Map([...body.initializers].map(([name, tensor]) => [this.#nameOf(name), tensor])),
        inputs: body.inputs.map(keep),
        outputs: body.outputs.map(keep),
        valueInfo: new Map(),
      },
      seen,
    };
  }

  #asFloat(nodes: Node[], name: string): string {
    const to = attribute.int(dataTypeCodes.float32);
    return this.#adder(nodes, name)('Cast', [this.#nameOf(name)], 'float', { to });
  }

  /** A node that gives what is seen of values in its bodies, and what brings that into its form. */
  #giving(
    each: Node,
    bodies: ReadonlyMap<Graph, { body: Graph; seen: Seen }>,
    values: readonly string[],
    given: Seen,
  ): Node[] {
    const results = values.map((value) => given.get(value) as string);
    const [first] = bodies.values();
    if (values.length > 0 && isOp(each, 'Loop') && first) return [this.#loop(each, first, values, results)];
    if (values.length > 0 && isOp(each, 'Scan') && first) return this.#scan(each, first, values, results);
    const made = mapBodies(each, (body) => {
      const { body: changed, seen } = bodies.get(body) as { body: Graph; seen: Seen };
      const nothing = () =>
        this.#constant('nothing', { type: 'float32', dims: [1, 0], data: new Float32Array() });
      const outputs = values.map((value) => this.#names.fresh(`${value}~out`));
      const copies = values.map((value, i) =>
        node('Identity', [seen.get(value) ?? nothing()], [outputs[i] as string]),
      );
      return withOutputs({ ...changed, nodes: [...changed.nodes, ...copies] }, outputs);
    });
    return [{ ...made, outputs: [...each.outputs, ...results] }];
  }

  #scan(
    each: Node,
    { body, seen }: { body: Graph; seen: Seen },
    values: readonly string[],
    results: readonly string[],
  ): Node[] {
    const nodes = [...body.nodes];
    const isRare = values.map((value) => seen.get(value) !== this.#nameOf(value));
    const outputs = values.map((value, i) =>
      this.#spread(nodes, value, seen.get(value) ?? '', isRare[i] ? Number.NaN : 0),
    );
    const whole = withOutputs({ ...body, nodes }, outputs);
    const steps = results.map((result) => this.#names.fresh(`${result}~steps`));
    const own = padded(each.outputs, body.outputs.length);
    const attributes = new Map(each.attributes);
    // One number an output.
    for (const name of ['scan_output_axes', 'scan_output_directions']) {
      const found = attributes.get(name);
      if (found?.kind === 'ints')
        attributes.set(name, { ...found, value: [...found.value, ...values.map(() => 0n)] });
    }
    const made = mapBodies({ ...each, attributes }, () => whole);
    const rows: Node[] = [];
    results.forEach((result, i) => {
      const all = steps[i] as string;
      const add = this.#adder(rows, result);
      const found = isRare[i] ? add('Compress', [all, this.#numbersOf(add, all)], 'found') : all;
      rows.push(node('Reshape', [found, this.#row()], [result]));
    });
    return [{ ...made, outputs: [...own, ...steps] }, ...rows];
  }

  #loop(
    each: Node,
    { body, seen }: { body: Graph; seen: Seen },
    values: readonly string[],
    results: readonly string[],
  ): Node {
    const nodes = [...body.nodes];
    const before = values.map((value) => this.#names.fresh(`${value}~before`));
    const after = values.map((value, i) => this.#appended(nodes, before[i] as string, seen.get(value) ?? ''));
    // The iteration and the condition come before the state.
    const states = body.inputs.length - 2;
    const typed = (name: string) => ({ name, dataType: 'float32', shape: undefined }) as const;
    const whole: Graph = {
      ...body,
      nodes,
      inputs: [...body.inputs, ...before.map(typed)],
      outputs: body.outputs.toSpliced(1 + states, 0, ...after.map(typed)),
    };
    const start = this.#constant('start', { type: 'float32', dims: [1, 0], data: new Float32Array() });
    return {
      ...mapBodies(each, () => whole),
      inputs: [...padded(each.inputs, 2 + states), ...values.map(() => start)],
      outputs: padded(each.outputs, states).toSpliced(states, 0, ...results),
    };
  }

  /** Which elements of a value are numbers, [n]. */
  #numbersOf(add: Adder, value: string): string {
    const flat = add('Reshape', [value, this.#int('flat', -1n)], 'flat');
    return add('Not', [add('IsNaN', [flat], 'is_nan')], 'is_number');
  }

  /** Nodes that see a value in as many elements at every step: some of it, and its ends; of one that is empty, a number instead. */
  #spread(nodes: Node[], value: string, seen: string, instead: number): string {
    const add = this.#adder(nodes, value);
    const [zero, one] = [this.#int('zero', 0n), this.#int('one', 1n)];
    const row = add('Reshape', [seen, this.#row()], 'row');
    const size = add('Reshape', [add('Size', [row], 'size'), one], 'length');
    const name = Number.isNaN(instead) ? 'lacking' : 'none';
    const none = this.#constant(name, { type: 'float32', dims: [1, 1], data: Float32Array.of(instead) });
    const missing = add('Max', [add('Sub', [one, size], 'rest'), zero], 'missing');
    const all = add('Concat', [row, add('Slice', [none, zero, missing, one], 'filled')], 'all', along);
    const places = BigInt64Array.from({ length: SEEN_OF_STEP }, (_, i) => BigInt(i));
    const grid = this.#constant('places', { type: 'int64', dims: [SEEN_OF_STEP], data: places });
    const scaled = add('Mul', [grid, size], 'scaled');
    const at = add('Div', [scaled, this.#int('seen', BigInt(SEEN_OF_STEP))], 'at');
    const ends = [add('ReduceMin', [all], 'least'), add('ReduceMax', [all], 'most')];
    return add('Concat', [add('Gather', [all, at], 'some', along), ...ends], 'out', along);
  }

  /** Nodes that put the elements of a value behind those of the steps before, within bounds; gives their result. */
  #appended(nodes: Node[], before: string, value: string): string {
    const add = this.#adder(nodes, before);
    const [zero, one] = [this.#int('zero', 0n), this.#int('one', 1n)];
    const row = add('Reshape', [value, this.#row()], 'row');
    const own = add('Reshape', [add('Size', [row], 'own'), one], 'length');
    // Counted from the end.
    const several = add('Mul', [own, this.#int('several', -BigInt(STEPS_KEPT))], 'several');
    const kept = add('Min', [several, this.#int('least_kept', -BigInt(LEAST_KEPT))], 'kept');
    const all = add('Concat', [before, row], 'all', along);
    const tail = add('Slice', [all, kept, this.#int('end', BigInt(2 ** 40)), one], 'tail');
    const beyond = add('Slice', [all, zero, kept, one], 'beyond');
    const bound = (opType: string, start: number, name: string) => {
      const constant = this.#constant(name, { type: 'float32', dims: [1, 1], data: Float32Array.of(start) });
      return add(opType, [add('Concat', [beyond, constant], name, along)], opType);
    };
    const ends = add(
      'Concat',
      [bound('ReduceMin', LARGEST, 'most'), bound('ReduceMax', -LARGEST, 'least')],
      'ends',
      along,
    );
    // Nothing of the two where nothing is beyond.
    const count = add('Reshape', [add('Size', [beyond], 'size'), one], 'count');
    const real = add('Slice', [ends, zero, add('Add', [count, count], 'twice'), one], 'real');
    return add('Concat', [real, tail], 'after', along);
  }

  /** Adds nodes; gives the names of their results. */
  #adder(nodes: Node[], about: string): Adder {
    return (opType, inputs, suffix, attributes = {}) => {
      const output = this.#names.fresh(`${about}_${suffix}`);
      nodes.push(node(opType, inputs, [output], attributes));
      return output;
    };
  }

  #row(): string {
    return this.#constant('row', { type: 'int64', dims: [2], data: BigInt64Array.of(1n, -1n) });
  }

  #int(name: string, value: bigint): string {
    return this.#constant(name, { type: 'int64', dims: [1], data: BigInt64Array.of(value) });
  }

  #constant(wanted: string, array: NdArray): string {
    const known = this.#constants.get(wanted);
    if (known !== undefined) return known;
    const name = this.#names.fresh(`~${wanted}`);
    this.#initializers.set(name, tensorOf(array));
    this.#constants.set(wanted, name);
    return name;
  }
}

const withOutputs = (body: Graph, names: readonly string[]): Graph => ({
  ...body,
  outputs: [
    ...body.outputs,
    ...names.map((name) => ({ name, dataType: 'float32', shape: undefined }) as const),
  ],
});

const padded = (names: readonly string[], length: number): string[] =>
  Array.from({ length: Math.max(length, names.length) }, (_, i) => names[i] ?? '');
