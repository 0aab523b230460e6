import type { Samples } from '../calibrate/samples.js';
import type { OutputDrift } from '../evaluate/compare-outputs.js';
import { isNowhereFinite } from '../evaluate/drift.js';
import type { ModelForm } from '../evaluate/model-form.js';
import { NO_WIDE_KERNELS } from '../place/layers.js';
import { AUTO, blockBitsOf, MAX_BITS, type Recipe, settings, WIDE_BITS } from '../recipe.js';
import { type Machine, saturates } from '../runtime/machine.js';
import type { ActivationRecord } from './describe-activations.js';
import type { PlanDescription } from './describe-plan.js';
import { count } from './facts.js';
import type { FloatConstants } from './float-constants.js';
import { formatBytes, formatDb, formatPrecise } from './format.js';

const { usual: usualLevels } = settings.activations.levels;

/** What the warnings are read from. */
export interface Observed {
  readonly recipe: Recipe;
  readonly machine: Machine;
  readonly plan: PlanDescription;
  readonly outputs: readonly OutputDrift[];
  readonly activations: readonly Pick<ActivationRecord, 'name' | 'bits' | 'scheme' | 'zeroPoint' | 'range'>[];
  /** Bytes of the weights' codes and levels: as stored, and as packed as can be. */
  readonly weightBytes: { readonly stored: number; readonly packed: number };
  readonly evaluationKind: Samples['kind'];
  readonly sizes: { readonly floatBytes: number; readonly quantizedBytes: number };
  /** Large constants that stay float and belong to no layer; undefined without any. */
  readonly floatConstants: FloatConstants | undefined;
  /** Names of the passes that changed something. */
  readonly passes: readonly string[];
  /** Whether there are samples to calibrate on. */
  readonly hasSamples: boolean;
  /** Whether a refiner ran. */
  readonly isRefined: boolean;
  /** How both models keep their numbers. */
  readonly forms: { readonly float: ModelForm; readonly quantized: ModelForm };
}

/** What a portable format costs. */
function formatWarnings({ recipe, weightBytes: { stored, packed } }: Observed): string[] {
  if (stored <= packed) return [];
  const [wide, narrow] = [formatBytes(stored), formatBytes(packed)];
  return [`--format ${recipe.format} stores the weights in ${wide}; packed they would take ${narrow}.`];
}

/** Narrow activations that the recipe's scheme is not for. */
function levelWarnings({ recipe, activations }: Observed): string[] {
  const levels = recipe.activations.kind === 'static' ? recipe.activations.levels : usualLevels;
  if (levels === usualLevels) return [];
  const narrow = activations.filter(({ bits }) => bits < MAX_BITS);
  const uniform = narrow.filter(({ scheme }) => scheme !== levels);
  const [first] = uniform;
  if (!first) return [];
  const count = `${uniform.length} of ${narrow.length}`;
  return [
    `${count} activations below ${MAX_BITS} bits stay uniform, as "${first.name}": ${levels} is not for a model input, nor where a value has signs that it cannot hold.`,
  ];
}

/** One sentence for all layers whose biases bind the scales of their weights. */
function biasWarnings({ layers }: PlanDescription): string[] {
  const raised = layers.filter(({ quantized }) => quantized?.raisedChannels);
  const [first] = raised;
  if (!first) return [];
  const channels = raised.reduce((sum, { quantized }) => sum + (quantized?.raisedChannels ?? 0), 0);
  const which =
    raised.length === 1
      ? `Layer "${first.id}" has biases too large for its steps`
      : `${raised.length} layers, as "${first.id}", have biases too large for their steps`;
  return [`${which}: ${channels} channels take coarser weights.`];
}

/** Weights of so few bits need what refiners do. */
const NARROW_BITS = 3;

/** Narrow weights as the scheme left them, though nobody asked for that. */
function refineWarnings({ recipe, plan: { layers }, isRefined }: Observed): string[] {
  const bits = Math.min(...layers.flatMap(({ quantized }) => quantized?.bits ?? []));
  if (isRefined || recipe.refine !== AUTO || blockBitsOf(recipe.format) || bits > NARROW_BITS) return [];
  return [
    `Weights of ${bits} bits are as the scheme left them: 256 samples or more with --data refine them, which keeps far more of the model.`,
  ];
}

/** Configuration 1 of LSQ+ is for what Relu makes: everything below 0 becomes 0. */
function signWarnings({ recipe, activations }: Observed): string[] {
  if (recipe.activations.kind !== 'static' || recipe.activations.observer !== 'lsqplus') return [];
  const { lsqplusConfig, symmetric } = recipe.activations.observerSettings;
  if (lsqplusConfig !== 1 || symmetric) return [];
  const signed = activations.filter(
    ({ zeroPoint, range }) => zeroPoint === 0 && range !== null && range.min < 0,
  );
  const [first] = signed;
  if (!first) return [];
  return [
    `${signed.length} of ${activations.length} activations lose their negative values, as "${first.name}" (from ${formatPrecise(first.range?.min ?? 0, 2)}): --lsqplus-config 1 is unsigned and without offset; 2 is signed, 3 and 4 have an offset.`,
  ];
}

/** Layers of sound, which stay in float by themselves. */
function soundWarnings({ layers }: PlanDescription): string[] {
  const kept = layers.filter(({ quantized, reason }) =>
    /Fourier|spectrum/.test(quantized?.note ?? reason ?? ''),
  );
  const [first] = kept;
  if (!first) return [];
  const names = kept.map(({ id }) => `"${id}"`).join(', ');
  const which = kept.length === 1 ? `${names} computes` : `${names} compute`;
  return [
    `${which} in float: sound and its spectrum have a range that 8 bits do not hold. --rule '${first.id}:act-bits=8' quantizes one all the same.`,
  ];
}

/** Widths that were asked for, and that the target has no kernels for. */
function wideWarnings({ layers }: PlanDescription): string[] {
  const kept = layers.filter(({ quantized }) => quantized?.note?.includes(NO_WIDE_KERNELS));
  const [first] = kept;
  if (!first) return [];
  const which = kept.length === 1 ? `"${first.id}" computes` : `${kept.length} layers compute`;
  return [
    `${which} in float, weights in few bits: activations of ${WIDE_BITS} bits have no kernels here, and would cost time and digits. --target qnn writes uint16 codes.`,
  ];
}

/** Files below this are small whatever is in them. */
const SMALL_FILE_BYTES = 2 ** 20;

const tableOperators = ['Gather', 'GatherND', 'EmbedLayerNormalization'];

/** The table of an embedding that is most of a file: as a first layer it keeps 8 bits. */
function tableWarnings({ plan: { layers }, sizes: { quantizedBytes } }: Observed): string[] {
  if (quantizedBytes < SMALL_FILE_BYTES) return [];
  return layers.flatMap(({ id, opType, dims, quantized }) => {
    if (!tableOperators.includes(opType) || quantized?.bits !== MAX_BITS) return [];
    const share = dims.reduce((product, dim) => product * dim, 1) / quantizedBytes;
    if (share < 0.5) return [];
    return [
      `The embedding "${id}" takes ${Math.round(100 * share)} % of the file, in 8 bits as a first layer: --rule '${id}:bits=4' halves it.`,
    ];
  });
}

/** From this share of a file on, constants that stay float are told. */
const FLOAT_SHARE = 0.3;

/** Layers whose weights lie in the blocks of one machine's kernels. */
const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

/** Constants of operators that are no layers here, where they are much of the file. */
function constantWarnings({ floatConstants, sizes: { quantizedBytes } }: Observed): string[] {
  if (!floatConstants || floatConstants.bytes < FLOAT_SHARE * quantizedBytes) return [];
  const { bytes, reader } = floatConstants;
  const share = `${Math.round((100 * bytes) / quantizedBytes)} % of the file`;
  if (reader.domain === BLOCKED_DOMAIN)
    return [
      `${share} stay float: onnxruntime's optimizer wrote this model for the kernels of one machine (${BLOCKED_DOMAIN}). Quantize the model that it was made from.`,
    ];
  return [
    `${share} are constants that stay float, most of them of ${reader.opType} "${reader.id}": its constants are not stored in few bits.`,
  ];
}

/** A file that has grown, with the likely cause. */
function sizeWarnings({ sizes: { floatBytes, quantizedBytes }, passes }: Observed): string[] {
  if (quantizedBytes <= floatBytes) return [];
  const cause = passes.includes('constant-subgraphs')
    ? 'weights that the graph computed at every run are stored now'
    : 'its weights are too small to make up for the operators around them';
  const [large, small] = [formatBytes(quantizedBytes), formatBytes(floatBytes)];
  return [`The quantized file is larger than the float model, ${large} against ${small}: ${cause}.`];
}

/** An input in units of its own. */
function inputWarnings({ passes }: Observed): string[] {
  if (!passes.includes('input-scale')) return [];
  return [
    'Columns of an input are decades apart, to judge by the weights that read them: they are scaled before the first layer. A model that takes them normalized, mean 0 and deviation 1, keeps more.',
  ];
}

/** What a user should know before trusting the numbers; what depends on times stands with them. */
export function warningsOf(observed: Observed): string[] {
  const { recipe, machine, plan } = observed;
  const warnings: string[] = [
    ...sizeWarnings(observed),
    ...tableWarnings(observed),
    ...constantWarnings(observed),
    ...inputWarnings(observed),
    ...formatWarnings(observed),
    ...levelWarnings(observed),
    ...signWarnings(observed),
    ...refineWarnings(observed),
  ];
  if (recipe.activations.kind === 'float' && !observed.hasSamples) {
    warnings.push('Weights only: activations stay in float. Give samples with --data to quantize them too.');
  }
  warnings.push(...soundWarnings(plan), ...wideWarnings(plan), ...biasWarnings(plan));
  warnings.push(...evaluationWarnings(observed));
  if (recipe.assumeVnni && saturates(machine)) {
    warnings.push(
      'This CPU has no VNNI, and its int8 kernels may saturate: without --assume-vnni the file gives the same on every machine.',
    );
  }
  return warnings;
}

/** What the measurements themselves tell, whoever made the quantized model. */
export function evaluationWarnings({
  evaluationKind,
  outputs,
  forms,
  machine,
}: Pick<Observed, 'evaluationKind' | 'outputs' | 'forms' | 'machine'>): string[] {
  const warnings: string[] = [];
  if (evaluationKind === 'none') {
    warnings.push(
      'No drift was measured: the model runs on no random input that was tried. Give real samples with --eval-data, or the shapes with --shape.',
    );
  }
  if (evaluationKind === 'synthetic') {
    warnings.push('The drift is measured on seeded random input: it says little about real data.');
  }
  for (const output of outputs) {
    const { name, deployed } = output;
    if (deployed.nonFiniteMismatches > 0) {
      warnings.push(
        isNowhereFinite(deployed)
          ? `Output "${name}" is finite nowhere, in one of the two models or in both: nothing of it was compared. Look at the weights and the samples.`
          : `Output "${name}" is not finite in one of the two models (${deployed.nonFiniteMismatches} elements).`,
      );
    }
    if (deployed.shapeMismatches > 0) {
      warnings.push(
        `Output "${name}" has another shape on ${deployed.shapeMismatches} samples, which were not compared.`,
      );
    }
    warnings.push(...branchWarnings(output));
    warnings.push(...kernelWarnings(output, machine), ...optimizationWarnings(output, forms));
  }
  return warnings;
}

/** An error of a tenth of the signal: a branch that keeps less is told, where the other one keeps so much more. */
const POOR_DB = 20;
const APART_DB = 10;

/** A branch of an If that is far worse served than the other, which the whole output need not show. */
function branchWarnings({ name, branches = [] }: OutputDrift): string[] {
  const [worst, other] = branches;
  if (!worst || !other || worst.sqnrDb === null || worst.sqnrDb >= POOR_DB) return [];
  if ((other.sqnrDb ?? Number.POSITIVE_INFINITY) < worst.sqnrDb + APART_DB) return [];
  const { node, branch, sqnrDb, samples } = worst;
  return [
    `Where If "${node}" takes its ${branch} branch (${count(samples, 'sample')}), output "${name}" keeps ${formatDb(sqnrDb)}, where it takes the other one (${other.samples}) ${formatDb(other.sqnrDb)}. Layers behind the If have one range for both branches; kept in float (--exclude) they serve both.`,
  ];
}

/**
 * How far below the error of the quantization that of the integer kernels may be and still be rounding: a kernel rounds
 * to a neighbouring code, which is at most the error that quantizing made. Twice that, in dB, is no rounding any more.
 */
const ROUNDING_DB = 6;

/** Errors below this come of the order of float additions, whatever they are a share of. */
const FLOAT_NOISE = 1e-4;

/** Integer kernels whose results are not those of the quantization as it is written. */
function kernelWarnings({ name, exact, kernels }: OutputDrift, machine: Machine): string[] {
  const own = exact.sqnrDb ?? Number.POSITIVE_INFINITY;
  if (kernels.sqnrDb === null || kernels.sqnrDb >= own || kernels.maxAbsError < FLOAT_NOISE) return [];
  const compared = `${formatDb(kernels.sqnrDb)}, the quantization itself ${formatDb(exact.sqnrDb)}`;
  if (kernels.sqnrDb >= own - ROUNDING_DB) {
    return [
      `The integer kernels of this machine lose more of output "${name}" than the quantization: ${compared}.`,
    ];
  }
  const cause = saturates(machine)
    ? 'This CPU has no VNNI, and its int8 kernels saturate where weights are large: so may other machines.'
    : 'Suspect a bug of the runtime, and run the model with optimizations off until it is found.';
  return [
    `The default session gives another output "${name}" than the graph states, by far more than integer kernels round: ${compared}. ${cause}`,
  ];
}

/**
 * Below this SQNR a session with optimizations gives another result than one without. In float32, whose steps are 2^−24 of
 * a value, 60 dB is an error of 2^−10: more than any order of additions explains. float16 has steps of 2^−11, and a
 * quantized value may fall to the next of 255 steps (48 dB at full range, less in the middle of it).
 */
const SAME_RESULT_DB: Readonly<Record<ModelForm, number>> = {
  float32: 60,
  float16: 30,
  bfloat16: 20,
  'integer-operators': 20,
  // What kernels change there is judged by the error of the quantization.
  qdq: Number.NEGATIVE_INFINITY,
};

/** Results that the runtime's optimizations change. */
function optimizationWarnings(
  { name, deployed, optimizations }: OutputDrift,
  forms: Observed['forms'],
): string[] {
  if (isNowhereFinite(deployed)) return [];
  return (['float', 'quantized'] as const).flatMap((side) => {
    const { sqnrDb, maxAbsError, nonFiniteMismatches } = optimizations[side];
    const isSame =
      (sqnrDb ?? Number.POSITIVE_INFINITY) >= SAME_RESULT_DB[forms[side]] || maxAbsError < FLOAT_NOISE;
    if (isSame && nonFiniteMismatches === 0) return [];
    const by =
      nonFiniteMismatches > 0
        ? `${nonFiniteMismatches} elements are not finite in one of the two`
        : formatDb(sqnrDb);
    return [
      `The runtime's optimizations change output "${name}" of the ${side} model (${by}): suspect a bug of the runtime.`,
    ];
  });
}
