import type { ChannelGroup } from '../evaluate/channel-groups.js';
import type { LayerDrift } from '../evaluate/compare-layers.js';
import type { OutputDrift } from '../evaluate/compare-outputs.js';
import type { Drift } from '../evaluate/drift.js';
import type { Speed } from '../evaluate/measure-speed.js';
import type { LayerOrigin, Suggestion } from '../evaluate/origin.js';
import { isUnusable, worstOutput } from '../evaluate/worst-output.js';
import { metrics } from '../gate/metrics.js';
import type { GateOutcome } from '../gate/outcome.js';
import { showValue } from '../gate/units.js';
import type { RefinedBlock } from '../quantize/plan.js';
import { gainOf, LEAST_GAIN_DB } from '../search/suggest.js';
import type { SpeedTuning } from '../search/tune-speed.js';
import type { LayerDescription } from './describe-plan.js';
import {
  formatDb,
  formatFixed,
  formatMs,
  formatPercent,
  formatShort,
  formatSigned,
  formatWorst,
} from './format.js';
import type { Result } from './result.js';
import { onWorstSet, setNameOf } from './sets.js';

/** What reports of every format say, in the words that they share. Text from a model in it is not escaped yet. */

/** A number of things. */
export const count = (n: number, noun: string, nouns = `${noun}s`): string =>
  `${n.toLocaleString('en-US')} ${n === 1 ? noun : nouns}`;

/** What quantization did to the results, in a few words. */
export function qualityOf(result: Result): string {
  const { length } = result.sets;
  if (length < 2) return qualityOnSet(result);
  const worst = onWorstSet(result);
  return `${qualityOnSet(worst)} on ${setNameOf(worst)}, the worst of ${length} sets`;
}

function qualityOnSet(result: Result): string {
  const { task, outputs } = result;
  // What a metric of the task says is what the error does.
  const isUnusable = result.metrics.length === 0 && unusableOutputs(result).length > 0;
  const unusable = isUnusable ? ', probably unusable' : '';
  const output = worstOutput(outputs);
  if (!output) return 'no drift measured';
  const others = outputs.length > 1 && output.name !== task?.output;
  const group = worstGroup(output.deployed);
  const part = group ? ` at ${channelsOf(group)}` : '';
  const at = part === '' ? ' at' : `${part} of`;
  const where = others ? `${at} output "${shortenName(output.name)}", the worst of ${outputs.length}` : part;
  const [metric] = result.metrics;
  const measured = metric && metric.quantized !== null ? `${metricOf(metric)}, ` : '';
  const own = `${measured}SQNR ${formatWorst(output.deployed)}${where}`;
  if (task) {
    const graded = `${measured}top-1 ${formatPercent(task.quantized)} (${dropOf(task)} points)`;
    return others
      ? `${graded}, SQNR ${formatWorst(output.deployed)}${where}${unusable}`
      : `${graded}${unusable}`;
  }
  const { topOneAgreement } = output.deployed;
  const { embedding } = output;
  if (measured !== '') return `${own}${unusable}`;
  if (embedding?.isUnitLength)
    return `embeddings keep a cosine of ${formatFixed(embedding.meanCosine, 4)} (least ${formatFixed(embedding.leastCosine, 4)})${where}${unusable}`;
  if (topOneAgreement !== null && !group)
    return `same top-1 on ${formatPercent(topOneAgreement)}${where}${unusable}`;
  return `${own}${unusable}`;
}

/** What a metric is named for: the quantized model's number, and float's where it is no measure against float. */
function metricOf({ name, float, quantized }: Result['metrics'][number]): string {
  const shown = formatShort(quantized ?? 0, 4);
  return float === null ? `${name} ${shown}` : `${name} ${shown} (float ${formatShort(float, 4)})`;
}

/** The group of channels that an output is judged by; undefined where it is judged as a whole. */
export function worstGroup({ sqnrDb, groups = [] }: Drift): ChannelGroup | undefined {
  const [worst] = groups;
  const isWorse = worst && (worst.sqnrDb ?? Number.POSITIVE_INFINITY) < (sqnrDb ?? Number.POSITIVE_INFINITY);
  return isWorse ? worst : undefined;
}

/** A group of channels, with its range. */
export function channelsOf({ channels, min, max }: ChannelGroup): string {
  const [low, high] = [min, max].map((end) => formatShort(end, 2));
  return `channels ${channels} (${low} to ${high})`;
}

/** Top-1 that labels say is lost beyond this is no noise on logits that do not matter. */
const LOST = 0.1;

/** Outputs that are another thing than in float; where labels judge one, they alone do. */
function unusableOutputs({ task, outputs }: Pick<Result, 'task' | 'outputs'>): OutputDrift[] {
  return outputs.filter((output) =>
    output.name === task?.output ? task.float - task.quantized > LOST : isUnusable(output),
  );
}

/** The change of the accuracy, in points. */
export const dropOf = ({
  float,
  quantized,
}: {
  readonly float: number;
  readonly quantized: number;
}): string => formatSigned(100 * (quantized - float), 2);

/** The SQNR of each output, by its worst group of channels where it is judged by groups. */
export const worstOfEach = ({ outputs }: Result): string =>
  outputs.map(({ deployed }) => formatWorst(deployed)).join(', ');

/** How large the quantized file is as a multiple of the float one. */
export const sizeRatio = ({ float, quantized }: Result): number => quantized.sizeBytes / float.sizeBytes;

/** What the samples of the drift are, in a word or two. */
const kinds: Record<Result['evaluation']['kind'], string> = {
  evaluation: 'evaluation sample',
  calibration: 'calibration sample',
  synthetic: 'random input',
  none: 'sample',
};

/** The samples that were measured on. */
export function measuredOn(result: Result): string {
  const { samples, kind } = result.evaluation;
  const name = setNameOf(result);
  return `${count(samples, kinds[kind])}${name === undefined ? '' : ` of ${name}`}`;
}

/** What the ranges of the activations are from. */
export function calibratedOn({ calibration, recipe, command }: Result): string | undefined {
  if (calibration?.samples === 0) return `activation ranges from ${calibration.label}, without samples`;
  if (calibration) return `calibrated on ${count(calibration.samples, 'sample')} of ${calibration.label}`;
  if (recipe?.activations.kind === 'dynamic') return 'activation ranges are found at every run';
  if (command === 'quantize' && recipe?.activations.kind !== 'float')
    return 'every number is from a saved plan';
  return command === 'quantize' ? 'no calibration samples: weights only' : undefined;
}

/**
 * What each refiner did: the error before and after on samples held back, of the outputs or of classes, and whether it was kept; then the
 * blocks that it left as they were, and why.
 */
export function refinedBy({ refinements }: Result): string[] {
  return refinements.flatMap(({ name, judge, samples, heldBack, before, after, kept, blocks }) => {
    const on = `on ${count(samples, judge === 'labels' ? 'labelled sample' : 'sample')}`;
    const left = leftBlocks(name, blocks);
    if (before === null || after === null)
      return [`refined by ${name} ${on}: too few to hold some back`, ...left];
    const change =
      judge === 'labels'
        ? `cross-entropy ${before.toPrecision(3)} → ${after.toPrecision(3)} on ${heldBack} held back`
        : `error of the outputs ${share(before)} → ${share(after)} on ${heldBack} held back`;
    if (kept) return [`refined by ${name} ${on}: ${change}`, ...left];
    if (after < before) return [`${name} ${on} not taken, since another gains more: ${change}`];
    return [`${name} ${on} withdrawn: ${change}`, ...left];
  });
}

/** One line for all blocks that were left for one reason. */
function leftBlocks(name: string, blocks: readonly RefinedBlock[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const block of blocks)
    if ('left' in block) byReason.set(block.left, [...(byReason.get(block.left) ?? []), block.id]);
  return [...byReason].map(([reason, [first, ...others]]) => {
    const more = others.length > 0 ? ` and ${count(others.length, 'other')}` : '';
    return `${name} left the block of ${first}${more} as it was: ${reason}`;
  });
}

/** A share of the signal. */
const share = (value: number): string => `${(100 * value).toPrecision(3)} %`;

/** How many layers are quantized, and how many operators are not. */
export function coverageOf({ plan }: Pick<Result, 'plan'>): { made: number; layers: number; kept: number } {
  const made = plan.layers.filter((layer) => layer.quantized).length;
  return { made, layers: plan.layers.length, kept: plan.layers.length - made + plan.float.length };
}

/** How many of the layers are quantized, and, where integers are asked for, how many have their weights alone in few bits. */
export function layersMade({ plan, recipe }: Pick<Result, 'plan' | 'recipe'>): string {
  const { made, layers } = coverageOf({ plan });
  const stored = plan.layers.filter(({ quantized }) => quantized?.runs === 'float').length;
  const text = `${made} of ${count(layers, 'layer')} quantized`;
  return stored > 0 && recipe !== null && recipe.activations.kind !== 'float'
    ? `${text} (${stored} compute${stored === 1 ? 's' : ''} in float)`
    : text;
}

/** How many layers keep 8 bits since fewer would save nothing; undefined where none does. */
export function keptWide({ plan }: Result): string | undefined {
  const wide = plan.layers.filter(({ quantized }) => quantized && quantized.askedBits !== null).length;
  if (wide === 0) return undefined;
  return `${count(wide, 'layer')} ${wide === 1 ? 'keeps' : 'keep'} 8 bits, since fewer would save no byte`;
}

/** The layers at which the error has grown largest, the worst first; a layer without error is not among them. */
export function worstLayers({ layers }: Result, most: number): LayerDrift[] {
  return layers
    .filter(({ drift: { sqnrDb } }) => sqnrDb !== null)
    .sort((a, b) => (a.drift.sqnrDb ?? 0) - (b.drift.sqnrDb ?? 0))
    .slice(0, most);
}

/** What the plan says of a layer. */
export const planOf = ({ plan }: Result, id: string): LayerDescription | undefined =>
  plan.layers.find((layer) => layer.id === id);

/** The widths of a layer in words: `4 bits`, and of its input `8 bits` or `float`. */
export function widthsOf(result: Result, id: string): { weights: string; input: string } {
  const quantized = planOf(result, id)?.quantized;
  const input = quantized?.inputBits ?? null;
  return {
    weights: quantized ? `${quantized.bits} bits` : '–',
    input: quantized && input !== null ? `${input} bits` : quantized ? 'float' : '–',
  };
}

/** Longest name that is given as it is. */
export const NAME_WIDTH = 40;

/** The layers and operators that do most to the output when they alone are quantized, the worst first. */
export function worstOrigins({ origins }: Result, most: number): LayerOrigin[] {
  return origins
    .filter(({ effectDb }) => effectDb !== null)
    .sort((a, b) => (a.effectDb ?? 0) - (b.effectDb ?? 0))
    .slice(0, most);
}

/** How to find what mends a model; undefined where it was tried, or two given models were compared. */
export const askForMends = ({ command, suggestions }: Result, flag: string): string | undefined =>
  command === 'compare' || suggestions.length > 0 ? undefined : `${flag} tries what mends them`;

/** That of all that was tried nothing is worth it, and what came nearest; undefined where something helps. */
export function noHelp({ suggestions: [first] }: Result): Suggestion | undefined {
  return first?.tried && gainOf(first.tried) < LEAST_GAIN_DB ? first : undefined;
}

/** A long name cut in the middle. */
export function shortenName(name: string, width = NAME_WIDTH): string {
  if (name.length <= width) return name;
  const half = Math.floor((width - 1) / 2);
  return `${name.slice(0, half)}…${name.slice(-half)}`;
}

/** What came of all gates together. */
export interface GateSummary {
  /** `failed` where a gate of level `error` is; `warned` where only others are. */
  readonly verdict: 'passed' | 'warned' | 'failed';
  /** The same in words: `1 of 3 gates failed`. */
  readonly text: string;
}

/** Undefined where there are no gates. */
export function gateSummary({ gates }: Result): GateSummary | undefined {
  if (gates.length === 0) return undefined;
  const failed = gates.filter(({ passed, level }) => !passed && level === 'error').length;
  const missed = gates.filter(({ passed }) => !passed).length;
  const of = (some: number) => {
    if (gates.length === 1) return 'the gate';
    return gates.length === 2 && some === 2 ? 'both gates' : `${some} of ${gates.length} gates`;
  };
  if (failed > 0) return { verdict: 'failed', text: `${of(failed)} failed` };
  if (missed > 0) return { verdict: 'warned', text: `${of(missed)} missed, as a warning` };
  const all = ['', 'the gate', 'both gates'][gates.length] ?? `all ${gates.length} gates`;
  return { verdict: 'passed', text: `${all} passed` };
}

/** What a gate came to: `passed`, `failed`, or `warning`. */
export const outcomeOf = ({ passed, level }: GateOutcome): 'passed' | 'warning' | 'failed' =>
  passed ? 'passed' : level === 'warn' ? 'warning' : 'failed';

/** What a gate measured, or why it could not. */
export const measuredOf = ({ value, shown, reason }: GateOutcome): string =>
  value === null ? `not measured: ${reason ?? 'no reason is known'}` : shown;

/** Below this ratio the quantized model counts as slower; runs vary by a few percent. */
const SLOWER_RATIO = 0.95;

/** What the verdict says of times: only that the model is slower, which may differ from run to run. */
export const slowerWord = ({ timing: { speed } }: Pick<Result, 'timing'>): string[] =>
  speed && speed.ratio < SLOWER_RATIO ? [`slower than float (${speed.ratio.toFixed(2)}×)`] : [];

/** Times of the original and of what folding made of it nearer than this are alike; runs vary by a few percent. */
const FOLDING_RATIO = 1.05;

/** What folding alone brings, where it brings something: it is no merit of the quantization. */
export function foldingNote({ floatMs, originalMs }: Speed): string | undefined {
  if (originalMs === undefined || originalMs < FOLDING_RATIO * floatMs) return undefined;
  return `float is with folding alone; as it was given it takes ${formatMs(originalMs)}`;
}

/** A warning about the times, which stands with them: it may differ from run to run. */
export function speedWarning({ ratio }: Speed): string | undefined {
  if (ratio >= SLOWER_RATIO) return undefined;
  return `The quantized model is slower than the float one here (${ratio.toFixed(2)}×).`;
}

/** What --tune-speed found. */
export function tuningNote({ layers, gain, tried }: SpeedTuning): string {
  const times = count(tried, 'model');
  if (layers.length === 0) return `tuned for speed: no layer is faster in float here (${times} timed)`;
  const made = `${count(layers.length, 'layer')} ${layers.length === 1 ? 'calculates' : 'calculate'} in float`;
  return `tuned for speed: ${made}, ${gain.toFixed(2)}× as fast as without (${times} timed)`;
}

/** The interval of the change of the accuracy, which is the drop's turned around, and what it says. */
export function intervalOf({
  topOneDrop: { low, high, isSignificant },
}: NonNullable<Result['task']>): string {
  const [from, to] = [-high, -low].map((share) => formatSigned(100 * share, 2));
  const verdict = isSignificant ? 'told from noise' : 'not told from noise';
  return `${from} to ${to} points (95 % interval): ${verdict}`;
}

/** What the session is in which the error of the quantization alone is measured. */
export function exactSession({ comparison }: Result): 'without integer kernels' | 'optimizations off' {
  // Integer operators run as integers in any session.
  return !comparison || comparison.quantizedForm === 'qdq' ? 'without integer kernels' : 'optimizations off';
}

/** A change since a baseline in words: both values with their unit, the difference, and whether it is for the better. */
export function describeChange({ metric: name, before, after, shown }: Change) {
  const metric = metrics.find((known) => known.name === name.replace(/\[.*$/, ''));
  const show = (value: number | null) =>
    value === null ? '–' : metric ? showValue(metric.unit, value) : formatShort(value, 6);
  const isOther = metric && before !== null && after !== null && before !== after;
  const isBetter = isOther && (metric.better === 'higher') === (after as number) > (before as number);
  const word = isOther ? `, ${isBetter ? 'better' : 'worse'}` : '';
  return { before: show(before), after: show(after), shown: `${shown}${word}` };
}

type Change = NonNullable<Result['baseline']>['changes'][number];

/** What came of a flag that was tried. */
export function changeOf(tried: NonNullable<Suggestion['tried']>): string {
  const { beforeDb, afterDb } = tried;
  return `${formatDb(beforeDb)} → ${formatDb(afterDb)}${gainOf(tried) >= LEAST_GAIN_DB ? '' : ', no help'}`;
}
