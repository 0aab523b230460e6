import type { DerivativeRule } from '../derivative.js';
import { type DirectionRule, recurrentDerivative } from '../recurrent.js';

/**
 * LSTM: c = f∘c′ + i∘g, h = o∘tanh(c), with i, o, f and g of W·x + R·h′ (Hochreiter and Schmidhuber 1997; Gers et al. 2000).
 * Its states c, which it does not give, are computed again; then by c and h goes back from step to step
 * dc = dc′ + dh∘o∘(1 − tanh²c), and to the products of the gates what their own slopes leave.
 */
const through: DirectionRule = (maker, { isReverse, byX, byH, firstCell, r, ...own }) => {
  const sums = maker.parts(maker.add(byX, byH), 4);
  const [i = '', o = '', f = ''] = sums.slice(0, 3).map((sum) => maker.op('Sigmoid', [sum]));
  const g = maker.op('Tanh', [sums[3] ?? '']);
  const forward = maker.scan(
    [firstCell],
    [f, maker.mul(i, g)],
    isReverse,
    (body, [c = ''], [keeps = '', adds = '']) => {
      const next = body.add(body.mul(keeps, c), adds);
      return { states: [next], given: [next] };
    },
  );
  const [c = ''] = forward.given;
  const before = maker.shifted(c, firstCell, isReverse);
  const shown = maker.op('Tanh', [c]);
  const slopes = maker.concat(
    [
      maker.mul(g, maker.logistic(i)),
      maker.mul(shown, maker.logistic(o)),
      maker.mul(before, maker.logistic(f)),
      maker.mul(i, maker.oneLessSquare(g)),
    ],
    2,
  );
  const leaves = maker.mul(o, maker.oneLessSquare(shown));
  const back = maker.scan(
    [own.lastHidden, own.lastCell],
    [own.gradient, leaves, f, slopes],
    !isReverse,
    (body, [hidden = '', cell = ''], [given = '', leaving = '', kept = '', slope = '']) => {
      const byHidden = body.add(given, hidden);
      const byCell = body.add(cell, body.mul(byHidden, leaving));
      const gates = body.op('Concat', [byCell, byHidden, byCell, byCell], {
        axis: { kind: 'int', value: 1n },
      });
      const bySums = body.mul(gates, slope);
      return { states: [body.op('MatMul', [bySums, r]), body.mul(byCell, kept)], given: [bySums] };
    },
  );
  const [bySums = ''] = back.given;
  return { byX: bySums, byH: bySums, hidden: back.states[0] ?? '', cell: back.states[1] };
};

export const lstm: DerivativeRule = {
  opType: 'LSTM',
  derive: recurrentDerivative(['Sigmoid', 'Tanh', 'Tanh'], through),
};
