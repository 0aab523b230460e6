import { attribute, type Graph, inputAt, type Node } from '../graph/model.js';
import { RECURRENT_INPUT, type Recurrence, recurrenceOf } from '../graph/recurrence.js';
import type { Derivative, Scope } from './derivative.js';
import { Steps } from './steps.js';

/** One direction of a recurrent operator, its values in the order of time. */
export interface Direction {
  readonly isReverse: boolean;
  /** [gates · cells, inputs] and [gates · cells, cells]. */
  readonly w: string;
  readonly r: string;
  /** W·x and R·h of the step before with their biases, [steps, samples, gates · cells]. */
  readonly byX: string;
  readonly byH: string;
  /** The bias of R, [gates · cells]; undefined without one. */
  readonly biasR: string | undefined;
  /** h of the step before, and c before the first step, [samples, cells]. */
  readonly before: string;
  readonly firstCell: string;
  /** Gradients by what it gives: of each step, of the last h and of the last c. */
  readonly gradient: string;
  readonly lastHidden: string;
  readonly lastCell: string;
}

/** Gradients of one direction. */
export interface DirectionGradients {
  /** By W·x with its bias, [steps, samples, gates · cells]. */
  readonly byX: string;
  /** By R·h with its bias. */
  readonly byH: string;
  /** By h and c before the first step, [samples, cells]. */
  readonly hidden: string;
  readonly cell?: string | undefined;
  /** By R, [gates · cells, cells], where not all of its rows read h of the step before. */
  readonly r?: string | undefined;
}

/** Sizes of a recurrent operator. */
export interface RecurrentSizes {
  readonly steps: number;
  readonly samples: number;
  readonly inputs: number;
  readonly cells: number;
  readonly rows: number;
}

/** How a gradient goes through one direction of an operator. */
export type DirectionRule = (maker: RecurrentSteps, direction: Direction) => DirectionGradients;

/**
 * The derivative of a recurrent operator. What of it can be is computed for all steps at once, from what the operator gave;
 * what goes from step to step is a Scan, whatever their number.
 *
 * @param usual - the activation functions of a direction
 */
export const recurrentDerivative =
  (usual: readonly string[], rule: DirectionRule): Derivative =>
  (node, gradients, wanted, scope) => {
    const recurrence = recurrenceOf(node);
    if (!recurrence) return 'has its batch along the first axis';
    const refused = refusalOf(node, usual);
    if (refused) return refused;
    const maker = new RecurrentSteps(recurrence, scope);
    const { x, w, r, bias, hidden, cell } = RECURRENT_INPUT;
    const { steps, samples, inputs, cells, rows } = maker.sizes;
    const found = recurrence.reverse.map((_, d) => {
      const direction = maker.direction(d, gradients);
      return { ...rule(maker, direction), direction };
    });
    const places = steps * samples;
    const turned = (value: string, columns: number) =>
      maker.transpose(maker.reshape(value, [places, columns]), [1, 0]);
    const stacked = (values: readonly string[], dims: readonly number[]) =>
      maker.concat(
        values.map((value) => maker.reshape(value, [1, ...dims])),
        0,
      );
    const made: Record<number, () => string> = {
      [x]: () => {
        const [first = '', ...others] = found.map(({ byX, direction }) =>
          maker.op('MatMul', [byX, direction.w]),
        );
        return others.reduce((sum, each) => maker.add(sum, each), first);
      },
      [w]: () => {
        const read = maker.reshape(node.inputs[x] ?? '', [places, inputs]);
        return stacked(
          found.map(({ byX }) => maker.op('MatMul', [turned(byX, rows), read])),
          [rows, inputs],
        );
      },
      [r]: () =>
        stacked(
          found.map(
            (each) =>
              each.r ??
              maker.op('MatMul', [
                turned(each.byH, rows),
                maker.reshape(each.direction.before, [places, cells]),
              ]),
          ),
          [rows, cells],
        ),
      [bias]: () =>
        stacked(
          found.map(({ byX, byH }) =>
            maker.concat(
              [byX, byH].map((value) => maker.sum(value, [0, 1], false)),
              0,
            ),
          ),
          [2 * rows],
        ),
      [hidden]: () =>
        stacked(
          found.map((each) => each.hidden),
          [samples, cells],
        ),
      [cell]: () =>
        stacked(
          found.map((each) => each.cell ?? ''),
          [samples, cells],
        ),
    };
    return { gradients: wanted.map((is, at) => (is ? made[at]?.() : undefined)), nodes: maker.nodes };
  };

/** Why there is no rule for such a node. */
function refusalOf(node: Node, usual: readonly string[]): string | undefined {
  if (inputAt(node, RECURRENT_INPUT.lengths)) return 'has samples of different lengths';
  if (inputAt(node, RECURRENT_INPUT.peepholes)) return 'has peepholes';
  if (node.attributes.has('clip')) return 'has a clip';
  const forget = node.attributes.get('input_forget');
  if (forget?.kind === 'int' && forget.value !== 0n) return 'has its forget gate bound to the input gate';
  const named = node.attributes.get('activations');
  if (named?.kind !== 'strings') return undefined;
  const names = named.value.map((name) => new TextDecoder().decode(name).toLowerCase());
  const isUsual = names.every((name, at) => name === usual[at % usual.length]?.toLowerCase());
  return isUsual ? undefined : `has other activation functions than ${usual.join(', ')}`;
}

/** Nodes for one recurrent operator. */
export class RecurrentSteps extends Steps {
  readonly sizes: RecurrentSizes;
  readonly #node: Node;
  readonly #recurrence: Recurrence;
  readonly #scope: Scope;

  constructor(recurrence: Recurrence, scope: Scope) {
    super(scope, `${recurrence.node.id}/gradient`);
    const { node, gates, cells } = recurrence;
    const [steps = 1, samples = 1, inputs = 1] = scope.dims(node.inputs[RECURRENT_INPUT.x] ?? '');
    this.sizes = { steps, samples, inputs, cells, rows: gates * cells };
    this.#node = node;
    this.#recurrence = recurrence;
    this.#scope = scope;
  }

  concat(values: readonly string[], axis: number): string {
    return values.length === 1 ? (values[0] ?? '') : this.op('Concat', values, { axis: attribute.int(axis) });
  }

  /** Equal parts along the last of three axes. */
  parts(value: string, count: number): string[] {
    const { cells } = this.sizes;
    return Array.from({ length: count }, (_, at) => this.slice(value, [2], [at * cells], [(at + 1) * cells]));
  }

  /** 1 − v². */
  oneLessSquare(value: string): string {
    return this.sub(this.scalar(1), this.mul(value, value));
  }

  /** v·(1 − v). */
  logistic(value: string): string {
    return this.mul(value, this.sub(this.scalar(1), value));
  }

  /** Values of each step, [steps, samples, n], one step on in the direction, behind the first. */
  shifted(value: string, first: string, isReverse: boolean): string {
    const { steps } = this.sizes;
    const begun = this.op('Unsqueeze', [first, this.ints([0])]);
    if (steps === 1) return begun;
    const [from, to] = isReverse ? [1, steps] : [0, steps - 1];
    const others = this.slice(value, [0], [from], [to]);
    return isReverse ? this.concat([others, begun], 0) : this.concat([begun, others], 0);
  }

  direction(d: number, [given, hidden, cell]: readonly (string | undefined)[]): Direction {
    const { steps, samples, inputs, cells, rows } = this.sizes;
    const isReverse = this.#recurrence.reverse[d] ?? false;
    const own = (name: keyof typeof RECURRENT_INPUT, dims: readonly number[]) => {
      const value = inputAt(this.#node, RECURRENT_INPUT[name]);
      return value && this.#part(value, 0, d, dims);
    };
    const zeros = () => this.zeros([samples, cells]);
    const state = [samples, cells];
    const [w, r] = [own('w', [rows, inputs]) ?? '', own('r', [rows, cells]) ?? ''];
    const bias = own('bias', [2 * rows]);
    const [biasW, biasR] = [0, 1].map(
      (half) => bias && this.slice(bias, [0], [half * rows], [(half + 1) * rows]),
    );
    const y = this.#part(this.#scope.output(this.#node, 0), 1, d, [steps, ...state]);
    const before = this.shifted(y, own('hidden', state) ?? zeros(), isReverse);
    const product = (value: string, weight: string, added: string | undefined) => {
      const found = this.op('MatMul', [value, this.transpose(weight, [1, 0])]);
      return added ? this.add(found, added) : found;
    };
    return {
      ...{ isReverse, w, r, biasR, before },
      byX: product(this.#node.inputs[RECURRENT_INPUT.x] ?? '', w, biasW),
      byH: product(before, r, biasR),
      firstCell: own('cell', state) ?? zeros(),
      gradient: given ? this.#part(given, 1, d, [steps, ...state]) : this.zeros([steps, ...state]),
      lastHidden: hidden ? this.#part(hidden, 0, d, state) : zeros(),
      lastCell: cell ? this.#part(cell, 0, d, state) : zeros(),
    };
  }

  /** What of a value belongs to a direction, without its axis. */
  #part(value: string, axis: number, d: number, dims: readonly number[]): string {
    const isOnly = this.#recurrence.reverse.length === 1;
    return this.reshape(isOnly ? value : this.slice(value, [axis], [d], [d + 1]), dims);
  }

  /**
   * Go from step to step.
   *
   * @param states - what they begin with, [samples, cells]
   * @param read - values of each step, [steps, samples, …]
   * @param isBackward - whether from the last step to the first
   * @param step - the states behind a step, and what it gives, from the states before it and what it reads
   * @returns the last states, and what all steps give, in the order of time
   */
  scan(
    states: readonly string[],
    read: readonly string[],
    isBackward: boolean,
    step: (body: Steps, states: readonly string[], read: readonly string[]) => ScanStep,
  ): ScanStep {
    const fresh = (wanted: string) => this.#scope.fresh(`${this.#node.id}/gradient/${wanted}`);
    const body = new Steps(this.#scope, `${this.#node.id}/gradient/step`);
    const [before, taken] = [states.map(() => fresh('state')), read.map(() => fresh('read'))];
    const found = step(body, before, taken);
    const results = [...found.states, ...found.given].map((value) => body.op('Identity', [value]));
    const value = (name: string) => ({ name, dataType: this.#scope.floatType, shape: undefined });
    const graph: Graph = {
      nodes: body.nodes,
      initializers: new Map(),
      inputs: [...before, ...taken].map(value),
      outputs: results.map(value),
      valueInfo: new Map(),
    };
    const ways = (count: number) => attribute.ints(Array(count).fill(isBackward ? 1 : 0));
    const outputs = this.ops(
      'Scan',
      [...states, ...read],
      {
        body: { kind: 'graph', value: graph },
        num_scan_inputs: attribute.int(read.length),
        scan_input_directions: ways(read.length),
        scan_output_directions: ways(found.given.length),
      },
      results.length,
    );
    return { states: outputs.slice(0, states.length), given: outputs.slice(states.length) };
  }
}

/** States, and values of each step beside them. */
export interface ScanStep {
  readonly states: readonly string[];
  readonly given: readonly string[];
}
