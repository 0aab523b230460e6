import * as z from 'zod';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { observers } from '../../calibration/observers/observers.js';
import { fits } from '../../calibration/pictures.js';
import { presets } from '../../calibration/preprocess.js';
import { rawTypes } from '../../calibration/readers/reader.js';
import { gateLevels } from '../options.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { formats, MAX_ACCURACY_LEVEL, MAX_BITS, MIN_BITS } from '../recipe.js';
import { providers } from '../runtime/session.js';

const path = z.string().min(1);
const count = z.int().min(1);
const names = (registry: readonly { readonly name: string }[]) => z.enum(registry.map(({ name }) => name));

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

const bits = z.int().min(MIN_BITS).max(MAX_BITS);
const group = z.union([z.enum(['tensor', 'channel']), count]);
const granularity = z.enum(['tensor', 'channel']);
const patterns = z.array(z.string().min(1));

const rule = z
  .strictObject({
    pattern: z.string().min(1).describe('A layer id or node name; * stands for any characters.'),
    bits: bits.optional(),
    actBits: bits.optional(),
    scheme: names(schemes).optional(),
    granularity: granularity.optional(),
    group: group.optional(),
  })
  .describe('An exception for some layers; of those that match, the last wins, setting by setting.');

/** Each key of a recipe, as the result record has it. */
const recipe = z
  .strictObject({
    scheme: names(schemes).optional().describe('Weight scheme.'),
    bits: bits.optional().describe('Width of weights.'),
    granularity: granularity.optional().describe('One scale a weight, or one for each output channel.'),
    group: group.optional().describe('What shares a codebook.'),
    actBits: z
      .union([bits, z.literal('float')])
      .optional()
      .describe('Width of activations.'),
    dynamic: z.boolean().optional().describe('Activation ranges are found at every run.'),
    matMulActivations: z.boolean().optional().describe('Products of two activations on integers too.'),
    actScheme: names(actSchemes).optional().describe('Levels of activations below 8 bits.'),
    observer: names(observers).optional().describe('How activation ranges are chosen.'),
    exactOffset: z.boolean().optional().describe('Below 8 bits: real offsets kept by a table.'),
    observerSettings: z
      .strictObject({
        symmetric: z.boolean().optional(),
        momentum: z.number().min(0).lt(1).optional().describe('Of ema: share of the past in each step.'),
        percentile: z
          .number()
          .gt(0)
          .max(100)
          .optional()
          .describe('Of percentile: share of the elements, in percent.'),
        lsqplusConfig: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).optional(),
      })
      .optional(),
    rules: z.array(rule).optional(),
    exclude: patterns.optional().describe('Layers that stay in float.'),
    include: patterns.optional().describe('The only layers that are quantized.'),
    allLayers: z.boolean().optional().describe('Below 8 bits: the first and the last layers too.'),
    format: z.enum(formats).optional().describe('How weights are stored.'),
    blocks: z
      .strictObject({
        size: z.union([z.literal(16), z.literal(32), z.literal(64), z.literal(128)]).optional(),
        asymmetric: z.boolean().optional().describe('A zero point for each block, too.'),
        accuracyLevel: z.int().min(0).max(MAX_ACCURACY_LEVEL).optional(),
      })
      .optional()
      .describe('Of the format matmulnbits.'),
    reduceRange: z.boolean().optional().describe('Weights within ±63, for x86 without VNNI.'),
  })
  .describe('What is quantized how; `recipe` of a result record can be copied here.');

const paths = z.union([path, z.array(path).min(1), z.record(z.string().min(1), path)]);

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
  evalData: paths.optional().describe('Samples to measure on.'),
  labels: path.optional().describe('The class of each sample: .npy, .csv, or the word folders.'),
  metric: path.optional().describe('A module with a metric of your own.'),
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
  shapes: z
    .record(z.string().min(1), z.array(z.int().min(0)))
    .optional()
    .describe('Shapes of inputs by name, the batch included, where the model leaves them open.'),
  recipe: recipe.optional(),
  auto: z
    .strictObject({
      scheme: names(schemes).optional().describe('The only weight scheme that may be chosen.'),
    })
    .optional()
    .describe('Choose bits and scheme of each layer by measuring, under the gates.'),
  origins: z.boolean().optional().describe('Measure where the drift comes from, layer by layer.'),
  suggest: z.boolean().optional().describe('Try what mends the worst layers.'),
  threads: count.optional().describe('Threads for comparing the models.'),
  maxMemory: count.optional().describe('Peak memory while calibrating, in MiB.'),
  provider: z.enum(providers).optional().describe('Where models run for calibration and evaluation.'),
  gates: z.array(gate).optional().describe('Limits, as "top1_drop<0.5%" or "sqnr[logits]>=30dB".'),
  baseline: path.optional().describe('A saved result record to compare with.'),
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
    models: z.array(job).min(1).optional().describe('Several models; each may replace what is said for all.'),
    ...settings,
  })
  .describe('What `quantize ci` does. Paths are relative to this file.');

export type ConfigFile = z.infer<typeof configSchema>;
export type JobSettings = Omit<ConfigFile, '$schema' | 'model' | 'models'>;

/** The JSON Schema of a configuration, for editors. */
export function configJsonSchema(): unknown {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
  return { ...schema, title: 'quantize.config.json' };
}
