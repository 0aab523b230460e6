import { channelAlong } from '../../numerics/nd-array.js';
import { refuseCodebook } from './lsq.js';
import { scaleDims, signedCodes, type WeightQuantizer } from './simulated.js';

/** Ends of the stretched sigmoid (Louizos et al. 2018; Nagel et al. 2020, eq. 23). */
const [GAMMA, ZETA] = [-0.1, 1.1];

/** Weight of the regularizer, and the share of the steps without it, and β at the begin and the end (Nagel et al., §5). */
const PENALTY = { weight: 0.01, from: 0.2, beta: [20, 2] } as const;

/**
 * AdaRound (Nagel et al. 2020, eq. 21–24): W̃ = s·clip(⌊W/s⌋ + h(V), n, p), h the sigmoid stretched to [−0.1, 1.1] and
 * clipped to [0, 1]; Σ 1 − |2h − 1|^β drives h to its ends while β falls from 20 to 2 over the last 80 % of the steps.
 * Steps stay; what is stored is h rounded.
 *
 * The weight is pulled towards its rounding as V moves; where the float weight is learned too, this has no use.
 */
export const adaround: WeightQuantizer = {
  name: 'adaround',
  summary: 'each weight rounded up or down, whichever the output asks for (AdaRound)',
  onlyFixed: true,
  travel: 10,
  refuse: (site) =>
    refuseCodebook(site) ?? (site.latent ? 'it learns the rounding of fixed weights' : undefined),
  simulate({ steps, fresh }, { value, weight, tensor, rate }) {
    const { low, high } = signedCodes(tensor.bits);
    const { scales, dims } = tensor;
    const channel = channelAlong(tensor.dims, tensor.axis);
    const floors = Float32Array.from(weight, (w, at) =>
      Math.floor(Math.fround(w / (scales[channel(at)] ?? 1))),
    );
    const starts = Float32Array.from(weight, (w, at) => {
      const rest = Math.fround(w / (scales[channel(at)] ?? 1)) - (floors[at] ?? 0);
      // h(V) = rest; an exact 0 or 1 would start where the gradient is 0.
      const share = (Math.min(Math.max(rest, 0.01), 0.99) - GAMMA) / (ZETA - GAMMA);
      return Math.log(share / (1 - share));
    });
    const scale = steps.floats(scales, scaleDims(tensor));
    const floor = steps.floats(floors, dims);
    const v = fresh(`${value}/rounding`);
    const sigmoid = steps.op('Sigmoid', [v]);
    const stretched = steps.add(steps.scale(sigmoid, ZETA - GAMMA), steps.scalar(GAMMA));
    const h = steps.op('Clip', [stretched, steps.scalar(0), steps.scalar(1)]);
    const clipped = (codes: string) => steps.op('Clip', [codes, steps.scalar(low), steps.scalar(high)]);
    const output = steps.mul(clipped(steps.add(floor, h)), scale);
    const up = steps.mask(steps.op('GreaterOrEqual', [h, steps.scalar(0.5)]));
    const beta = fresh(`${value}/beta`);
    const strength = fresh(`${value}/strength`);
    // (2h − 1)² by itself has a gradient everywhere; |·|^β = ((2h − 1)²)^(β/2), kept off 0 where its slope is not one.
    const centred = steps.sub(steps.scale(h, 2), steps.scalar(1));
    const square = steps.add(steps.mul(centred, centred), steps.scalar(1e-6));
    const power = steps.op('Pow', [square, steps.scale(beta, 0.5)]);
    const total = steps.sum(
      steps.sub(steps.scalar(1), power),
      dims.map((_, axis) => axis),
      false,
    );
    const penalty = steps.mul(total, strength);
    return {
      output,
      own: [],
      parameters: [{ name: v, start: { type: 'float32', dims: [...dims], data: starts }, rate }],
      penalty,
      schedules: [
        { input: beta, at: (progress) => betaAt(progress) },
        { input: strength, at: (progress) => (progress < PENALTY.from ? 0 : PENALTY.weight) },
      ],
      stored: { kind: 'affine', codes: clipped(steps.add(floor, up)), scale },
    };
  },
};

/** β, falling along a half cosine. */
function betaAt(progress: number): number {
  const [first, last] = PENALTY.beta;
  const share = Math.max(0, (progress - PENALTY.from) / (1 - PENALTY.from));
  return last + ((first - last) * (1 + Math.cos(Math.PI * share))) / 2;
}
