import { AUTO, named, type RefinerSetting, type RefineSettings } from '../../recipe.js';

import { activationLearners, weightQuantizers } from '../quantizers/quantizers.js';
import type { ActivationLearner, WeightQuantizer } from '../quantizers/simulated.js';

/** A way to learn weights, and whether the float weights are learned with it. */
export interface WeightLearner {
  readonly quantizer: WeightQuantizer;
  readonly latent: boolean;
}

/** Which network gives what blocks read while they are learned: the quantized one, as learned so far or as it was at the start, or float. */
const sides = ['quantized', 'start', 'float'] as const;
export type Side = (typeof sides)[number];

/** How blocks are learned. */
export interface LearningSettings {
  /** The first that takes a weight learns it; none where weights stay. */
  readonly weights: readonly WeightLearner[];
  /** The first that takes an activation below 8 bits learns it; none where they stay. */
  readonly activations: readonly ActivationLearner[];
  readonly steps: number;
  /** Samples a step, at most. */
  readonly batch: number;
  /** Factor of every learning rate. */
  readonly rate: number;
  /** Share of the elements that come from float while learning (QDrop, Wei et al. 2022, eq. 9). */
  readonly drop: number;
  /** Altered copies of each image that are learned from, too. */
  readonly copies: number;
  /** Weight of what is given inside a block, beside what it gives. */
  readonly hints: number;
  /** Where what a block reads comes from. */
  readonly inputs: Side;
}

/** Whether no block depends on what is learned of another. */
export const areApart = ({ inputs }: Pick<LearningSettings, 'inputs'>): boolean => inputs !== 'quantized';

/**
 * What differs between ways to learn unless it is told; without `hints` there is nothing inside that could give some, without
 * `inputs` no block before another.
 */
export type LearningDefaults = Pick<LearningSettings, 'steps' | 'drop' | 'copies'> &
  Partial<Pick<LearningSettings, 'hints' | 'inputs'>>;

const KEEP = 'keep';

const weightNames = weightQuantizers.map(({ name }) => name);
const activationNames = activationLearners.map(({ name }) => name);

/** How long, and how fast: what every refiner that learns can be told. */
export const learningSettings = (usual: LearningDefaults): RefinerSetting[] => [
  {
    ...{ key: 'quantizer', summary: 'what learns weights and activations, where they are not told apart' },
    ...{ usual: AUTO, choices: [AUTO, ...new Set([...weightNames, ...activationNames])] },
  },
  {
    ...{ key: 'weights', summary: 'what learns weights; auto: lsq, or codebook where they have levels' },
    ...{ usual: AUTO, choices: [AUTO, KEEP, ...weightNames] },
  },
  {
    ...{ key: 'activations', summary: 'what learns activations below 8 bits; auto: lsq' },
    ...{ usual: AUTO, choices: [AUTO, KEEP, ...activationNames] },
  },
  {
    ...{
      key: 'latent',
      summary: 'whether float weights are learned, too; auto: not with adaround and codebook',
    },
    ...{ usual: AUTO, choices: [AUTO, 'yes', 'no'] },
  },
  { key: 'steps', summary: 'steps of each block', usual: usual.steps, least: 1, most: 100_000 },
  { key: 'batch', summary: 'samples a step, at most', usual: 32, least: 1, most: 1024 },
  { key: 'rate', summary: 'factor of every learning rate', usual: 1, least: 0.001, most: 1000 },
  { key: 'drop', summary: 'share of elements that come from float', usual: usual.drop, least: 0, most: 1 },
  {
    ...{ key: 'copies', summary: 'altered copies of each image, mirrored, shifted, mixed' },
    ...{ usual: usual.copies, least: 0, most: 100 },
  },
  ...(usual.hints === undefined ? [] : [hintSetting(usual.hints)]),
  ...(usual.inputs === undefined ? [] : [inputSetting(usual.inputs)]),
];

const inputSetting = (usual: Side): RefinerSetting => ({
  ...{
    key: 'inputs',
    summary: 'what blocks read: of the blocks before as quantized, or float, each by itself',
  },
  ...{ usual, choices: sides },
});

const hintSetting = (usual: number): RefinerSetting => ({
  ...{ key: 'hints', summary: 'weight of what blocks inside give, beside the outputs', usual },
  ...{ least: 0, most: 1000 },
});

/** What a refiner that learns was told. */
export function readLearning(settings: RefineSettings): LearningSettings {
  const number = (key: string) => Number(settings[key]);
  const quantizer = String(settings.quantizer);
  const weights = givenOr(settings.weights, weightNames.includes(quantizer) ? quantizer : AUTO);
  const activations = givenOr(settings.activations, activationNames.includes(quantizer) ? quantizer : 'lsq');
  const names = weights === AUTO ? ['lsq', 'codebook'] : weights === KEEP ? [] : [weights];
  return {
    weights: names.map((name) => {
      const own = named(weightQuantizers, name);
      const asked = settings.latent === AUTO ? !own.isBestFixed : settings.latent === 'yes';
      return { quantizer: own, latent: asked && !own.onlyFixed };
    }),
    activations: activations === KEEP ? [] : [named(activationLearners, activations)],
    steps: number('steps'),
    batch: number('batch'),
    rate: number('rate'),
    drop: number('drop'),
    copies: Math.round(number('copies')),
    hints: Number(settings.hints ?? 0),
    inputs: sides.find((side) => side === settings.inputs) ?? 'quantized',
  };
}

/** A name that was given, or what stands for `auto`. */
const givenOr = (given: number | string | undefined, otherwise: string): string =>
  given === undefined || given === AUTO ? otherwise : String(given);
