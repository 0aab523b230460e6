import type { DerivativeRule } from '../derivative.js';
import { type DirectionRule, recurrentDerivative } from '../recurrent.js';

/** RNN: h = tanh(W·x + R·h′). */
const through: DirectionRule = (maker, { isReverse, byX, byH, r, gradient, lastHidden }) => {
  const slopes = maker.oneLessSquare(maker.op('Tanh', [maker.add(byX, byH)]));
  const back = maker.scan(
    [lastHidden],
    [gradient, slopes],
    !isReverse,
    (body, [hidden = ''], [given = '', slope = '']) => {
      const bySum = body.mul(body.add(given, hidden), slope);
      return { states: [body.op('MatMul', [bySum, r])], given: [bySum] };
    },
  );
  const [bySums = ''] = back.given;
  return { byX: bySums, byH: bySums, hidden: back.states[0] ?? '' };
};

export const rnn: DerivativeRule = { opType: 'RNN', derive: recurrentDerivative(['Tanh'], through) };
