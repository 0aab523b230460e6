import type { ObserverSettings } from '../../calibration/observers/observer.js';
import type { WeightSettings } from './layer-settings.js';
import type { Rule } from './rule.js';

/**
 * How weights are stored. `packed`: in as few bits as a form takes that onnxruntime folds when it loads the model.
 * `qdq-int8`: in int8 through DequantizeLinear, which every runtime of QDQ models reads. `qoperator`: packed, in onnxruntime's
 * integer operators (QLinearConv, QGemm, …) in place of float ones between DQ and Q. `matmulnbits`: matrices in blocks
 * of 2, 4 or 8 bits that onnxruntime's own MatMulNBits multiplies with, weights only; `qdq-blocks`: such matrices through
 * ONNX's own DequantizeLinear, which knows blocks from opset 21 on; `matmulbnb4`: such matrices in the 16 levels of NF4, which
 * MatMulBnb4 multiplies with. What they do not take is packed. `uint8`: of layers whose ranges are found at every run, in uint8
 * about 128, for kernels that take no int8.
 */
export const formats = [
  'packed',
  'qdq-int8',
  'uint8',
  'qoperator',
  'matmulnbits',
  'matmulbnb4',
  'qdq-blocks',
] as const;
export type Format = (typeof formats)[number];

/** The formats of weights in blocks, and the widths that each holds. */
const widthsInBlocks: Readonly<Partial<Record<Format, readonly number[]>>> = {
  matmulnbits: [2, 4, 8],
  matmulbnb4: [4],
  'qdq-blocks': [4, 8],
};

/** The widths that a format of weights in blocks holds; undefined where it has no blocks. */
export const blockBitsOf = (format: Format): readonly number[] | undefined => widthsInBlocks[format];

/** Weights in a row that share a scale: the least of MatMulNBits is 16. */
export const blockSizes: readonly number[] = [16, 32, 64, 128];
/** The operator's own levels, from 0, the runtime's choice, to 4. */
export const MAX_ACCURACY_LEVEL = 4;

/** How weights in blocks are stored and multiplied. */
export interface BlockSettings {
  /** Weights in a row along the inputs that share a scale. */
  readonly size: number;
  /** A zero point for each block beside its scale; without it the middle code is 0. */
  readonly asymmetric: boolean;
  /**
   * Of `matmulnbits`, the least accurate arithmetic that the runtime may take: 0 its choice (on the CPU float32), 1 float32, 2 float16,
   * 3 bfloat16, 4 int8 with the input quantized by blocks at every run.
   */
  readonly accuracyLevel: number;
}

/**
 * Whether factors move between channels, which leaves the float function as it is: where they are decades apart, wherever
 * that helps by prediction, or never.
 */
export const rescalings = ['auto', 'on', 'off'] as const;
export type Rescaling = (typeof rescalings)[number];

/** How long refinement may take where it is left to the program: seconds, minutes, or as long as it gains. */
export const efforts = ['fast', 'good', 'best'] as const;
export type Effort = (typeof efforts)[number];

/** By what samples show, or not at all. */
export const boxKeepings = ['auto', 'off'] as const;
export type BoxKeeping = (typeof boxKeepings)[number];

/** Activations whose quantizers are chosen before the model is written. */
export interface StaticActivations {
  readonly kind: 'static';
  /** Width of those that layers read. */
  readonly bits: number;
  /** How the levels of those below 8 bits are chosen, a name of the registry. */
  readonly levels: string;
  /** How ranges are chosen, a name of the registry. */
  readonly observer: string;
  /** What the observers can be told. */
  readonly observerSettings: ObserverSettings;
  /** Below 8 bits: real offsets, where the observer has them, kept by a table instead of rounded to a zero point. */
  readonly exactOffset: boolean;
  /** The products of two activations, those of attention, on integers too. */
  readonly matMul: boolean;
  /** Whether layers of a detector stay in float whose rounding moves its boxes, by what is measured on samples. */
  readonly keepBoxes: BoxKeeping;
}

/**
 * What becomes of activations. `float`: weights alone are quantized. `dynamic`: ranges are found anew at every run, by the
 * model itself, to 8 bits, without samples. `static`: ranges are fixed, from samples or from what is known of the model.
 */
export type Activations = NotStatic | StaticActivations;
export type NotStatic = { readonly kind: 'float' } | { readonly kind: 'dynamic' };

/** What the user asked for: written into the model and into every result. */
export interface Recipe extends WeightSettings {
  readonly activations: Activations;
  readonly rules: readonly Rule[];
  /** Layers that stay in float. */
  readonly exclude: readonly string[];
  /** Where given, the only layers that are quantized. */
  readonly include: readonly string[];
  /** Below 8 bits: the first and the last layers too, which otherwise stay at 8. */
  readonly allLayers: boolean;
  /** The runtime that the file is for, a name of the registry. */
  readonly target: string;
  readonly format: Format;
  /** Of the formats `matmulnbits` and `qdq-blocks` alone. */
  readonly blocks: BlockSettings;
  /** Weights within ±63, for x86 without VNNI, whose int16 sums saturate. */
  readonly reduceRange: boolean;
  /** Weights may have pairs whose sums saturate on x86 without VNNI: the last digits, for machines that have it. */
  readonly assumeVnni: boolean;
  /** Constants that stay float are stored in 16 bits. */
  readonly float16: boolean;
  /** Cross-layer equalization (Nagel et al. 2019), before calibration. */
  readonly equalize: Rescaling;
  /** Outlier channels behind normalizations go into the weights (Xiao et al. 2023), before calibration. */
  readonly smooth: Rescaling;
  /** The refiners that run, as `--refine` names them; `auto` for those that serve the widths best, `none` for none. */
  readonly refine: string;
  /** What `auto` of `refine` may take. */
  readonly effort: Effort;
}
