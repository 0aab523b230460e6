import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { randomFloats } from './graph-builder.js';
import { finish, Net } from './nets.js';

/** What a recurrent network is made of. */
export interface RecurrentNet {
  readonly opType: 'LSTM' | 'GRU' | 'RNN';
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  /** Attributes beside the size and the direction. */
  readonly attributes?: Readonly<Record<string, number>>;
  readonly hasBias?: boolean;
  /** Whether h begins with a constant that is not 0. */
  readonly hasStart?: boolean;
  readonly steps?: number;
}

export const SIZES = { inputs: 6, cells: 8 } as const;
const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const;

/** x [n, steps, 6] → steps first → a recurrent layer of 8 cells, "h" → samples first → MatMul, "y" [n, steps, 2]. */
export function recurrentNet({
  opType,
  direction = 'forward',
  attributes = {},
  hasBias = true,
  hasStart = false,
  steps = 5,
}: RecurrentNet): Model {
  const { inputs, cells } = SIZES;
  const directions = direction === 'bidirectional' ? 2 : 1;
  const rows = GATES[opType] * cells;
  const net = new Net();
  net.input('x', [hasStart ? 1 : 'n', steps, inputs]);
  net.node('Transpose', ['x'], 'turned', { perm: [1, 0, 2] });
  net.random('w', [directions, rows, inputs]);
  net.random('r', [directions, rows, cells]);
  net.random('b', [directions, 2 * rows], hasBias ? 0.5 : 0);
  net.random('start', [directions, 1, cells]);
  const read = ['turned', 'w', 'r', hasBias ? 'b' : '', ...(hasStart ? ['', 'start'] : [])];
  net.node(opType, read, 'h', { hidden_size: cells, direction, ...attributes });
  net.node('Transpose', ['h'], 'samples', { perm: [2, 0, 1, 3] });
  net.int64('shape', [0, 0, directions * cells]);
  net.node('Reshape', ['samples', 'shape'], 'flat');
  net.random('o', [directions * cells, 2]);
  return finish(net, net.node('MatMul', ['flat', 'o'], 'y'));
}

/** So many samples for it. */
export const recurrentFeeds = (count: number, seed: number, steps = 5): Feed[] =>
  Array.from({ length: count }, (_, i) => ({
    x: {
      type: 'float32',
      dims: [1, steps, SIZES.inputs],
      data: randomFloats(steps * SIZES.inputs, seed + i, -2, 2),
    },
  }));
