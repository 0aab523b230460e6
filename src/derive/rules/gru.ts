import { intAttribute } from '../../graph/model.js';
import type { Derivative, DerivativeRule } from '../derivative.js';
import { type DirectionRule, recurrentDerivative } from '../recurrent.js';

/**
 * GRU: h = (1 − z)∘n + z∘h′, with n = tanh(Wₙ·x + r∘(Rₙ·h′)) where it resets behind the product, and tanh(Wₙ·x + Rₙ·(r∘h′))
 * where before it (Cho et al. 2014). By each sum of a gate goes what its own slope leaves of the gradient by h.
 */
const through =
  (isBehind: boolean): DirectionRule =>
  (maker, { isReverse, byX, byH, r: weight, biasR, before, gradient, lastHidden }) => {
    const { steps, samples, cells, rows } = maker.sizes;
    const [xz = '', xr = '', xn = ''] = maker.parts(byX, 3);
    const [hz = '', hr = '', hn = ''] = maker.parts(byH, 3);
    const [z, r] = [maker.op('Sigmoid', [maker.add(xz, hz)]), maker.op('Sigmoid', [maker.add(xr, hr)])];
    const [gating, last] = [0, 1].map((part) =>
      maker.slice(weight, [0], [part * 2 * cells], [part === 0 ? 2 * cells : rows]),
    ) as [string, string];
    const reset = maker.mul(r, before);
    const read = () => {
      const product = maker.op('MatMul', [reset, maker.transpose(last, [1, 0])]);
      return biasR ? maker.add(product, maker.slice(biasR, [0], [2 * cells], [rows])) : product;
    };
    const n = maker.op('Tanh', [maker.add(xn, isBehind ? maker.mul(r, hn) : read())]);
    const byZ = maker.mul(maker.sub(before, n), maker.logistic(z));
    const byN = maker.mul(maker.sub(maker.scalar(1), z), maker.oneLessSquare(n));
    // What r's slope leaves: of the gradient by the sum of n, or of that by r∘h′.
    const byR = maker.mul(isBehind ? hn : before, maker.logistic(r));
    const back = maker.scan(
      [lastHidden],
      [gradient, z, r, byZ, byN, byR],
      !isReverse,
      (body, [hidden = ''], [given = '', keeps = '', resets = '', slopeZ = '', slopeN = '', slopeR = '']) => {
        const byHidden = body.add(given, hidden);
        const [sumZ, sumN] = [body.mul(byHidden, slopeZ), body.mul(byHidden, slopeN)];
        const kept = body.mul(byHidden, keeps);
        const join = (values: readonly string[]) =>
          body.op('Concat', values, { axis: { kind: 'int', value: 1n } });
        if (isBehind) {
          const sums = [sumZ, body.mul(sumN, slopeR), body.mul(sumN, resets)];
          const [first = '', second = '', third = ''] = sums;
          const next = body.add(kept, body.op('MatMul', [join([first, second, third]), weight]));
          return { states: [next], given: [join([first, second, sumN]), join([first, second, third])] };
        }
        const byReset = body.op('MatMul', [sumN, last]);
        const sumR = body.mul(byReset, slopeR);
        const gates = body.op('MatMul', [join([sumZ, sumR]), gating]);
        const next = body.add(body.add(kept, body.mul(byReset, resets)), gates);
        const sums = join([sumZ, sumR, sumN]);
        return { states: [next], given: [sums, sums] };
      },
    );
    const [bySumsX = '', bySumsH = ''] = back.given;
    const found = { byX: bySumsX, byH: bySumsH, hidden: back.states[0] ?? '' };
    if (isBehind) return found;
    const places = steps * samples;
    const turned = maker.transpose(maker.reshape(bySumsH, [places, rows]), [1, 0]);
    const [forGates, forLast] = [
      maker.slice(turned, [0], [0], [2 * cells]),
      maker.slice(turned, [0], [2 * cells], [rows]),
    ];
    const byGating = maker.op('MatMul', [forGates, maker.reshape(before, [places, cells])]);
    const byLast = maker.op('MatMul', [forLast, maker.reshape(reset, [places, cells])]);
    return { ...found, r: maker.concat([byGating, byLast], 0) };
  };

const derive: Derivative = (node, ...others) =>
  recurrentDerivative(['Sigmoid', 'Tanh'], through(intAttribute(node, 'linear_before_reset', 0) !== 0))(
    node,
    ...others,
  );

export const gru: DerivativeRule = { opType: 'GRU', derive };
