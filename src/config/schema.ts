import * as z from 'zod';
import { fits } from '../../calibration/pictures.js';
import { presets } from '../../calibration/preprocess.js';
import { rawTypes } from '../../calibration/readers/reader.js';
import { gateLevels } from '../options.js';
import { recipeSchema } from '../recipe/schema.js';
import { nameIn } from '../recipe/setting.js';
import { registries } from '../registries.js';
import { providers } from '../runtime/session.js';
import { SET_NAME } from './parse-samples.js';

const path = z.string().min(1);
const count = z.int().min(1);

/** A number, or a fraction of two as text: 1/255. */
const NUMBER_PATTERN =
  /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(\s*\/\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)?\s*$/i;
const number = z.union([
  z.number(),
  z
    .string()
    .regex(NUMBER_PATTERN)
    .meta({ examples: ['1/255'] }),
]);
const perChannel = z.union([number, z.array(number).min(1)]);

const somePaths = z.union([path, z.array(path).min(1)]);
const paths = z.union([path, z.array(path).min(1), z.record(z.string().min(1), somePaths)]);

const gate = z.union([
  z
    .string()
    .min(1)
    .meta({ examples: ['top1_drop<0.5%', 'sqnr[logits]>=30dB'] }),
  z.strictObject({ gate: z.string().min(1), level: z.enum(gateLevels).optional() }),
]);

/** What can be said of one model, and of all of them. */
const settings = {
  output: path.optional().describe('The quantized model; by default beside the input.'),
  data: paths.optional().describe('Calibration samples: a path, several, or one for each input.'),
  stats: path.optional().describe('Statistics of `quantize calibrate`, instead of a calibration.'),
  plan: path.optional().describe('A saved plan: every number, nothing is calibrated or chosen.'),
  learned: path.optional().describe('Blocks that reconstruct is to learn, from a file that shards made.'),
  savePlan: path.optional().describe('Where the plan is to be saved.'),
  saveIntegers: path.optional().describe('Where the numbers of integer-only kernels are to be saved.'),
  evalData: paths.optional().describe('Samples to measure on.'),
  labels: path.optional().describe('The class of each sample: .npy, .csv, or the word folders.'),
  evalSets: z
    .record(
      z.string().regex(SET_NAME),
      z.strictObject({
        data: paths.describe('Samples of this set: a path, several, or one for each input.'),
        labels: path.optional().describe('The class of each of them, as labels has it.'),
      }),
    )
    .optional()
    .describe(
      'Sets of samples to measure on, by name: each is measured by itself, and gates hold on the worst.',
    ),
  classNames: path.optional().describe('The names of classes: a text file, one a line, or JSON.'),
  trainData: paths.optional().describe('Labelled samples that the refiner finetune learns from.'),
  trainLabels: path.optional().describe('The class of each of them, as labels has it.'),
  classesAxis: z
    .record(z.string(), z.int())
    .optional()
    .describe(
      'The axis of an output that scores of classes run along, by its name, or "" for all; -1 is the last.',
    ),
  metric: path
    .optional()
    .describe('A task by its name, as detection, or a module with a metric of your own.'),
  samples: count.optional().describe('Calibrate on this many samples.'),
  seed: z.int().min(0).optional().describe('Seed of every choice.'),
  inputRange: z
    .tuple([z.number(), z.number()])
    .optional()
    .describe("What the model's inputs can hold, for the dfq observer."),
  preprocess: z
    .union([
      z.enum(Object.keys(presets)),
      z.strictObject({
        preset: z.enum(Object.keys(presets)).optional(),
        scale: number.optional().describe('Multiply samples by this first, as "1/255".'),
        mean: perChannel.optional().describe('Then subtract this.'),
        std: perChannel.optional().describe('Then divide by this.'),
        layout: z.enum(['nhwc', 'nchw']).optional(),
      }),
    ])
    .optional()
    .describe('How integers and images become floats.'),
  images: z
    .strictObject({
      size: z
        .string()
        .regex(/^[1-9]\d*x[1-9]\d*$/)
        .meta({ description: 'Height x width.', examples: ['224x224'] })
        .optional(),
      resize: z.enum(fits).optional(),
      channelOrder: z.enum(['rgb', 'bgr']).optional(),
    })
    .optional()
    .describe('How image files become the size and colours that the model takes.'),
  bin: z
    .strictObject({
      dtype: z.enum(rawTypes).optional(),
      shape: z.array(count).min(1).optional(),
    })
    .optional()
    .describe('What raw .bin files hold.'),
  tokenizer: path.optional().describe('The folder of the tokenizer that text files are read by.'),
  shapes: z
    .record(z.string().min(1), z.array(z.int().min(0)))
    .optional()
    .describe(
      'Shapes of inputs by name, the batch included, where the model leaves them open or states others.',
    ),
  set: z
    .record(z.string().min(1), z.number())
    .optional()
    .describe('Inputs that hold one number at every run, by name: they become constants.'),
  recipe: recipeSchema(registries).optional(),
  auto: z
    .strictObject({
      scheme: nameIn('schemes')(registries).optional().describe('The only weight scheme that may be chosen.'),
      sensitivity: path
        .optional()
        .describe('What is to be measured of each layer, from a file that shards made.'),
    })
    .optional()
    .describe('Choose bits and scheme of each layer by measuring, under the gates.'),
  origins: z.boolean().optional().describe('Measure where the drift comes from, layer by layer.'),
  tuneSpeed: z
    .boolean()
    .optional()
    .describe('Let layers that are faster so on this machine calculate in float, found by timing.'),
  suggest: z
    .boolean()
    .optional()
    .describe('Try what mends the worst layers; false tries nothing, not even a little.'),
  threads: count.optional().describe('Threads for comparing the models.'),
  maxMemory: count.optional().describe('Peak memory while calibrating, in MiB.'),
  provider: z.enum(providers).optional().describe('Where models run for calibration and evaluation.'),
  gates: z.array(gate).optional().describe('Limits, as "top1_drop<0.5%" or "sqnr[logits]>=30dB".'),
  baseline: path.optional().describe('A saved result record to compare with.'),
  history: path
    .optional()
    .describe('A file of earlier runs, which this run is added to; reports show the trend.'),
  reports: z
    .array(path)
    .optional()
    .describe('Files to write the result to, by their ending; {model} stands for the name of the model.'),
};

const job = z.strictObject({ model: path.describe('The float model, a .onnx file.'), ...settings });

/** A configuration: one model, or several that share what is said beside them. Paths are relative to the file. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional(),
    model: path.optional().describe('The float model, a .onnx file.'),
    index: path.optional().describe('One page for all models, with ways to the page of each.'),
    models: z.array(job).min(1).optional().describe('Several models; each may replace what is said for all.'),
    ...settings,
  })
  .describe('What `quantize ci` does. Paths are relative to this file.');

export type ConfigFile = z.infer<typeof configSchema>;
export type JobSettings = Omit<ConfigFile, '$schema' | 'index' | 'model' | 'models'>;
