import { intAttribute, isOp, type Node, stringAttribute } from './model.js';

/** Gates of each recurrent operator: so many rows a cell have W and R. */
const gatesOf = { GRU: 3, LSTM: 4, RNN: 1 } as const;

/** Places among the inputs of a recurrent operator. */
export const RECURRENT_INPUT = {
  ...{ x: 0, w: 1, r: 2, bias: 3, lengths: 4, hidden: 5, cell: 6, peepholes: 7 },
} as const;

/** A recurrent operator: LSTM, GRU or RNN, its time along the first axis. */
export interface Recurrence {
  readonly node: Node;
  readonly gates: number;
  /** H: the size of h. */
  readonly cells: number;
  /** Of each direction, whether it runs from the last step to the first. */
  readonly reverse: readonly boolean[];
}

/** The recurrence that a node is; undefined where it is none, or has its batch along the first axis. */
export function recurrenceOf(node: Node): Recurrence | undefined {
  if (!isOp(node, ...Object.keys(gatesOf)) || intAttribute(node, 'layout', 0) !== 0) return undefined;
  const direction = stringAttribute(node, 'direction', 'forward');
  const reverse = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
  const cells = intAttribute(node, 'hidden_size', 0);
  const gates = gatesOf[node.opType as keyof typeof gatesOf];
  return cells > 0 ? { node, gates, cells, reverse } : undefined;
}

/** The two biases of a recurrent operator, one value for each row of W and of R, one direction after the other. */
export interface RecurrentBias {
  readonly w: Float32Array;
  readonly r: Float32Array;
}

/** The two halves of B, [directions, 2 · gates · cells]; zeros without one. */
export function halvesOfBias({ gates, cells, reverse }: Recurrence, whole?: Float32Array): RecurrentBias {
  const rows = gates * cells;
  const half = (second: number) => {
    const found = new Float32Array(reverse.length * rows);
    reverse.forEach((_, direction) => {
      const from = (2 * direction + second) * rows;
      if (whole) found.set(whole.subarray(from, from + rows), direction * rows);
    });
    return found;
  };
  return { w: half(0), r: half(1) };
}

/** B of its two halves. */
export function biasOfHalves({ gates, cells, reverse }: Recurrence, { w, r }: RecurrentBias): Float32Array {
  const rows = gates * cells;
  const whole = new Float32Array(2 * reverse.length * rows);
  reverse.forEach((_, direction) => {
    const part = [direction * rows, (direction + 1) * rows] as const;
    whole.set(w.subarray(...part), 2 * direction * rows);
    whole.set(r.subarray(...part), (2 * direction + 1) * rows);
  });
  return whole;
}
