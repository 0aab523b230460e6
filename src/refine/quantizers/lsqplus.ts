import { learnStep, learnStepAndOffset, refuseCodebook } from './lsq.js';
import type { ActivationLearner, WeightQuantizer } from './simulated.js';

/** LSQ+ (Bhalgat et al. 2020), weights: LSQ's gradient; only their initialization is another, the scheme `lsqplus`. */
export const lsqplusWeights: WeightQuantizer = {
  name: 'lsqplus',
  summary: 'steps learned by their own gradient (LSQ+)',
  refuse: refuseCodebook,
  simulate: learnStep,
};

/** Table 1 of the paper: 1 unsigned symmetric, 2 signed symmetric, 3 signed asymmetric, 4 unsigned asymmetric. */
const configurations = [
  {
    suffix: '-1',
    summary: 'configuration 1 of LSQ+: no offset, values from 0',
    offset: () => 0,
    lowest: () => 0,
  },
  {
    suffix: '-2',
    summary: 'configuration 2 of LSQ+: no offset, values around 0',
    offset: (bits: number) => 2 ** (bits - 1),
    lowest: (bits: number) => -(2 ** (bits - 1)),
  },
  {
    suffix: '-3',
    summary: 'configuration 3 of LSQ+: offset learned, signed codes',
    offset: () => 'learned' as const,
    lowest: (bits: number) => -(2 ** (bits - 1)),
  },
  {
    suffix: '',
    summary: 'step and offset learned (LSQ+, configuration 4)',
    offset: () => 'learned' as const,
    lowest: () => 0,
  },
] as const;

/** LSQ+, activations, by configuration. */
export const lsqplusActivations: readonly ActivationLearner[] = configurations.map(
  ({ suffix, summary, offset, lowest }) => ({
    name: `lsqplus${suffix}`,
    summary,
    simulate: (maker, site) => learnStepAndOffset(maker, site, offset(site.bits), lowest(site.bits)),
  }),
);
