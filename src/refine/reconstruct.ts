import { blocksOf } from './learning/blocks.js';
import { learnBlocks } from './learning/learn-blocks.js';
import { activationLearners, weightQuantizers } from './quantizers/quantizers.js';
import type { Refiner } from './refiner.js';

export const reconstruct: Refiner = {
  name: 'reconstruct',
  summary: 'rounding, levels and steps learned block by block (BRECQ, QDrop)',
  changes: ['weights', 'biases', 'activations'],
  settings: [
    { key: 'weights', summary: 'what learns weights', usual: 'auto', choices: ['auto', 'keep', ...weightQuantizers.map(({ name }) => name)] },
    { key: 'activations', summary: 'what learns activations', usual: 'lsq', choices: ['keep', ...activationLearners.map(({ name }) => name)] },
    { key: 'latent', summary: '', usual: 0, least: 0, most: 1 },
    { key: 'steps', summary: 'steps a block', usual: 200, least: 1, most: 100_000 },
    { key: 'batch', summary: 'samples a step', usual: 32, least: 1, most: 1024 },
    { key: 'drop', summary: 'share', usual: 0.5, least: 0, most: 1 },
    { key: 'rw', summary: '', usual: 0.01, least: 0, most: 10 },
    { key: 'ra', summary: '', usual: 0.01, least: 0, most: 10 },
    { key: 'rl', summary: '', usual: 0.05, least: 0, most: 10 },
    { key: 'rb', summary: '', usual: 0.001, least: 0, most: 10 },
  ],
  refine(plan, context) {
    const { settings, model } = context;
    const number = (key: string) => Number(settings[key]);
    const weights =
      settings.weights === 'keep'
        ? []
        : settings.weights === 'auto'
          ? weightQuantizers.filter(({ name }) => name === (number('latent') ? 'lsq' : 'adaround') || name === 'codebook')
          : weightQuantizers.filter(({ name }) => name === settings.weights);
    return learnBlocks(plan, context, (layers) => blocksOf(model.graph, layers), {
      weights,
      activations: activationLearners.filter(({ name }) => name === settings.activations),
      latent: number('latent') === 1,
      steps: number('steps'),
      batch: number('batch'),
      drop: number('drop'),
      rates: { weights: number('rw'), activations: number('ra'), latent: number('rl'), biases: number('rb') },
    });
  },
};
