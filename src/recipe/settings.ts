import * as z from 'zod';
import { defaultObserverSettings, type ObserverSettings } from '../../calibration/observers/observer.js';
import {
  type BlockSettings,
  blockSizes,
  boxKeepings,
  efforts,
  formats,
  MAX_ACCURACY_LEVEL,
  type Recipe,
  rescalings,
  type StaticActivations,
} from './kinds.js';
import { actWidthSchema, layerSettings, weightSettings } from './layer-settings.js';
import { refineSchema } from './refine.js';
import { parseRule, ruleSchema, ruleText } from './rule.js';
import { type Flag, fraction, nameIn, numeric, type Setting, type Table, yesOrNo } from './setting.js';

/** The settings of a recipe, by its keys; of activations those that only fixed ranges have. */
export interface Settings
  extends Omit<{ readonly [K in keyof Recipe]: Setting<Recipe[K]> }, 'activations' | 'blocks'> {
  readonly activations: Omit<Table<Omit<StaticActivations, 'kind'>>, 'observerSettings'> & {
    readonly observerSettings: Table<ObserverSettings>;
  };
  readonly blocks: Table<BlockSettings>;
}

// The flag takes `float`, too, which is no width.
const { sets: _, ...actBitsFlag } = layerSettings.actBits.flag;

const patterns = () => z.array(z.string().min(1));

/**
 * Every key of a recipe; what becomes of activations at all is said by `--dynamic` and `--act-bits float`. From this table come the flags of all commands, the configuration and its published schema, what a
 * recipe file and a model's metadata may hold, what a program may hand over, and the command that repeats a result. A new
 * key is its line in the type above, and its entry here, in the same order.
 */
export const settings: Settings = {
  ...weightSettings,
  activations: {
    bits: {
      schema: actWidthSchema,
      description: 'Width of the activations that layers read.',
      usual: 8,
      flag: { ...actBitsFlag, takes: layerSettings.actBits.schema },
    },
    levels: {
      schema: nameIn('actSchemes'),
      description: 'Levels of activations below 8 bits.',
      usual: 'uniform',
      flag: {
        name: '--act-scheme',
        value: '<name>',
        group: 'Activations',
        help: 'levels of activations below 8 bits; `quantize act-schemes` lists them',
      },
    },
    observer: {
      schema: nameIn('rangeSources'),
      description: 'How activation ranges are chosen.',
      usual: 'mse',
      flag: {
        name: '--observer',
        value: '<name>',
        group: 'Activations',
        help: 'how ranges are chosen; `quantize observers` lists them',
      },
    },
    observerSettings: {
      symmetric: {
        schema: yesOrNo,
        description: 'Ranges symmetric around 0 where there are negative values.',
        usual: defaultObserverSettings.symmetric,
        flag: {
          name: '--act-symmetric',
          group: 'Activations',
          help: 'activation ranges symmetric around 0 where there are negative values',
        },
      },
      momentum: {
        schema: () => z.number().min(0).lt(1),
        description: 'Of ema: share of the past in each step.',
        usual: defaultObserverSettings.momentum,
        flag: {
          name: '--momentum',
          value: '<x>',
          group: 'Activations',
          help: 'of the ema observer: share of the past in each step',
          parse: fraction,
        },
      },
      percentile: {
        schema: () => z.number().gt(0).max(100),
        description: 'Of percentile: share of the elements, in percent.',
        usual: defaultObserverSettings.percentile,
        flag: {
          name: '--percentile',
          value: '<x>',
          group: 'Activations',
          help: 'of the percentile observer: share of the elements in the range, in percent',
          parse: fraction,
        },
      },
      lsqplusConfig: {
        schema: () => z.literal([1, 2, 3, 4]),
        description: 'Of lsqplus: 1 unsigned, 2 signed; with an offset 3 signed, 4 unsigned.',
        usual: defaultObserverSettings.lsqplusConfig,
        flag: {
          name: '--lsqplus-config',
          value: '<n>',
          group: 'Activations',
          help: 'of the lsqplus observer: 1 unsigned, 2 signed; with an offset 3 signed, 4 unsigned',
          parse: numeric,
        },
      },
    },
    exactOffset: {
      schema: yesOrNo,
      description: 'Below 8 bits: real offsets kept by a table.',
      usual: false,
      flag: {
        name: '--exact-offset',
        group: 'Activations',
        help: 'of the lsqplus observer below 8 bits: keep the real offset by a table, which costs time',
      },
    },
    matMul: {
      schema: yesOrNo,
      description: 'Products of two activations on integers too.',
      usual: false,
      flag: {
        name: '--matmul-activations',
        group: 'Activations',
        help: 'products of two activations (attention) on integers too',
      },
    },
    keepBoxes: {
      schema: () => z.enum(boxKeepings),
      description:
        'Layers of a detector whose rounding moves its boxes most stay in float, as the samples show: auto, off.',
      usual: 'auto',
      flag: {
        name: '--keep-boxes',
        value: '<when>',
        group: 'Activations',
        help: 'layers of a detector whose rounding moves its boxes most stay in float, as the samples show: auto, off',
      },
    },
  },
  rules: {
    schema: (registries) => z.array(ruleSchema(registries)),
    description: 'Exceptions for some layers.',
    usual: [],
    flag: {
      name: '--rule',
      value: '<pattern:settings>',
      group: 'Layers',
      help: "an exception for some layers, as 'layer3*:bits=8'; the last that matches wins",
      parse: parseRule,
      say: ruleText,
      // Of rules that match the last wins: those of the flags.
      several: 'behind',
    },
  },
  exclude: {
    schema: patterns,
    description: 'Layers that stay in float.',
    usual: [],
    flag: {
      name: '--exclude',
      value: '<pattern>',
      group: 'Layers',
      help: 'keep layers in float',
      several: 'instead',
    },
  },
  include: {
    schema: patterns,
    description: 'The only layers that are quantized.',
    usual: [],
    flag: {
      name: '--include',
      value: '<pattern>',
      group: 'Layers',
      help: 'quantize these layers only',
      several: 'instead',
    },
  },
  allLayers: {
    schema: yesOrNo,
    description: 'Below 8 bits: the first and the last layers too.',
    usual: false,
    flag: {
      name: '--all-layers',
      group: 'Layers',
      help: 'below 8 bits: the first and the last layers too, which otherwise stay at 8',
    },
  },
  target: {
    schema: nameIn('targets'),
    description: 'The runtime that the file is for.',
    usual: 'onnxruntime',
    flag: {
      name: '--target',
      value: '<name>',
      group: 'Weights',
      help: 'write the file for a runtime, by its rules; `quantize targets` lists them (default: onnxruntime)',
    },
  },
  format: {
    schema: () => z.enum(formats),
    description: 'How weights are stored.',
    usual: 'packed',
    flag: {
      name: '--format',
      value: '<name>',
      group: 'Weights',
      help: 'weights in the file: packed in as few bits as onnxruntime unpacks at load; qdq-int8 for other runtimes; qoperator in integer operators (QLinearConv, QGemm) without Q and DQ between; matmulnbits in blocks of 2, 4 or 8 bits for float MatMul, weights only; qdq-blocks the same in ONNX alone, opset 21; matmulbnb4 in blocks of the 16 levels of NF4; uint8 in place of int8 with --dynamic',
    },
  },
  blocks: {
    size: {
      schema: () => z.literal([...blockSizes]),
      description: 'Weights in a row that share a scale.',
      usual: 32,
      flag: {
        name: '--block',
        value: '<n>',
        group: 'Weights',
        help: 'of formats in blocks: weights that share a scale, 16, 32, 64 or 128',
        parse: numeric,
      },
    },
    asymmetric: {
      schema: yesOrNo,
      description: 'A zero point for each block, too.',
      usual: false,
      flag: {
        name: '--block-asymmetric',
        group: 'Weights',
        help: 'of matmulnbits and qdq-blocks: a zero point for each block, too',
      },
    },
    accuracyLevel: {
      schema: () => z.int().min(0).max(MAX_ACCURACY_LEVEL),
      description: 'The least accurate arithmetic that the runtime may take: 0 float, 4 int8.',
      usual: 0,
      flag: {
        name: '--accuracy-level',
        value: '<n>',
        group: 'Weights',
        help: 'of matmulnbits: 0 computes in float, 4 in int8, which is faster',
        parse: numeric,
      },
    },
  },
  reduceRange: {
    schema: yesOrNo,
    description: 'Weights within ±63, for x86 without VNNI.',
    usual: false,
    flag: {
      name: '--reduce-range',
      group: 'Weights',
      help: 'weights within ±63, for runtimes whose kernels saturate',
    },
  },
  assumeVnni: {
    schema: yesOrNo,
    description: 'The full int8 range for weights: on x86 without VNNI their sums may saturate.',
    usual: false,
    flag: {
      name: '--assume-vnni',
      group: 'Weights',
      help: 'the full int8 range for weights, which other x86 than those with VNNI may sum up otherwise',
    },
  },
  float16: {
    schema: yesOrNo,
    description: 'What is not quantized is written in float16, where that holds its values.',
    usual: false,
    flag: {
      name: '--float16',
      group: 'Weights',
      help: 'write what is not quantized in float16, where that holds its values; inputs and outputs keep their types',
    },
  },
  equalize: {
    schema: () => z.enum(rescalings),
    description:
      'Channels of different sizes are equalized across layers: auto where they are decades apart.',
    usual: 'auto',
    flag: {
      name: '--equalize',
      value: '<when>',
      group: 'Channels',
      help: 'channels of different sizes are equalized across layers: auto where they are decades apart, on, off',
    },
  },
  smooth: {
    schema: () => z.enum(rescalings),
    description: 'Outlier channels behind normalizations go into weights: auto where they are decades apart.',
    usual: 'auto',
    flag: {
      name: '--smooth',
      value: '<when>',
      group: 'Channels',
      help: 'outlier channels behind normalizations go into the weights: auto where they are decades apart, on, off',
    },
  },
  refine: {
    schema: refineSchema,
    description: 'Refiners in their order, as "moments,reconstruct:steps=400"; auto, or none.',
    usual: 'auto',
    flag: {
      name: '--refine',
      value: '<names>',
      group: 'Refinement',
      help: 'what makes the numbers better on samples: auto (by the width of weights), none, or a list as moments,reconstruct:steps=400; `quantize refiners` lists them',
    },
  },
  effort: {
    schema: () => z.enum(efforts),
    description: 'How long refinement may take where refine is auto: fast, good or best.',
    usual: 'fast',
    flag: {
      name: '--effort',
      value: '<how>',
      group: 'Refinement',
      help: 'how long refinement may take where --refine does not say it: fast (seconds), good (learning, minutes), best (longer)',
    },
  },
};

/** Says that ranges are found at every run: the one flag of a recipe that is no setting, since it takes the place of several. */
export const dynamicFlag: Flag<boolean> = {
  name: '--dynamic',
  group: 'Activations',
  help: 'find activation ranges at every run, in the model itself: needs no samples, suits transformers',
};
