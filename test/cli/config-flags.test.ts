import { expect, it } from 'vitest';
import { quantizeCommand } from '../../src/cli/quantize-command.js';
import { configJsonSchema } from '../support/config-json-schema.js';

const stream = { write() {} };
const command = quantizeCommand({ argv: [], stdout: stream, stderr: stream });

/** Where a configuration says what a flag says, where it is not under the flag's own name. */
const places: Readonly<Record<string, string>> = {
  scale: 'preprocess.scale',
  mean: 'preprocess.mean',
  std: 'preprocess.std',
  layout: 'preprocess.layout',
  size: 'images.size',
  resize: 'images.resize',
  channelOrder: 'images.channelOrder',
  binDtype: 'bin.dtype',
  binShape: 'bin.shape',
  shape: 'shapes',
  evalSet: 'evalSets',
  perTensor: 'recipe.granularity',
  actBits: 'recipe.activations.bits',
  dynamic: 'recipe.activations.kind',
  actScheme: 'recipe.activations.levels',
  observer: 'recipe.activations.observer',
  exactOffset: 'recipe.activations.exactOffset',
  matmulActivations: 'recipe.activations.matMul',
  keepBoxes: 'recipe.activations.keepBoxes',
  rule: 'recipe.rules',
  actSymmetric: 'recipe.activations.observerSettings.symmetric',
  momentum: 'recipe.activations.observerSettings.momentum',
  percentile: 'recipe.activations.observerSettings.percentile',
  lsqplusConfig: 'recipe.activations.observerSettings.lsqplusConfig',
  block: 'recipe.blocks.size',
  blockAsymmetric: 'recipe.blocks.asymmetric',
  accuracyLevel: 'recipe.blocks.accuracyLevel',
  maxDrop: 'gates',
  minSqnr: 'gates',
  minAgreement: 'gates',
  maxSize: 'gates',
  minSpeedup: 'gates',
  gate: 'gates',
  warn: 'gates',
  report: 'reports',
  sensitivity: 'auto.sensitivity',
};

/** What a run on one command line alone is told. */
const ofTheCommandLine = ['config', 'json', 'open', 'reporter', 'shard', 'quiet', 'verbose', 'version'];

interface Keys {
  readonly properties?: Readonly<Record<string, Keys>>;
  readonly anyOf?: readonly Keys[];
  readonly oneOf?: readonly Keys[];
}

function has(schema: Keys, [key = '', ...rest]: readonly string[]): boolean {
  if ((schema.anyOf ?? schema.oneOf)?.some((branch) => has(branch, [key, ...rest]))) return true;
  const inner = schema.properties?.[key];
  return inner !== undefined && (rest.length === 0 || has(inner, rest));
}

const names = command.options
  .map((option) => option.attributeName())
  .filter((name) => !ofTheCommandLine.includes(name));

it.each(names)('a configuration can say what --%s says', (name) => {
  const schema = configJsonSchema() as Keys;
  const place = places[name] ?? (has(schema, [name]) ? name : `recipe.${name}`);
  expect(has(schema, place.split('.'))).toBe(true);
});
