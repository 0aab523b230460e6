import type { BeyondRange } from '../evaluate/beyond-ranges.js';
import type { TaskAccuracy } from '../evaluate/compare-outputs.js';
import { worstDb } from '../evaluate/drift.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import { farJoins } from '../evaluate/far-joins.js';
import type { InputFit } from '../evaluate/first-norms.js';
import type { Suggestion } from '../evaluate/origin.js';
import type { PortableDrift } from '../evaluate/portable.js';
import { worstOutput } from '../evaluate/worst-output.js';
import type { Graph } from '../graph/model.js';
import { formOf } from '../place/targets/targets.js';
import type { ReportedPlan, WidenedNode } from '../quantize/plan.js';
import { type Recipe, WIDE_BITS } from '../recipe.js';
import type { KeptBoxes } from '../search/keep-boxes.js';
import { count } from './facts.js';
import { formatDb, formatPercent } from './format.js';

/** Below this many samples a figure is more chance than measurement. */
const FEW_SAMPLES = 16;

/** What a user should know of the samples before trusting figures from them. */
export function fewSamplesWarning(kind: string, samples: number): string[] {
  if (samples === 0 || samples >= FEW_SAMPLES) return [];
  return [
    `Only ${count(samples, `${kind} sample`)}: take a hundred or more, or another choice of them changes the figures.`,
  ];
}

/** How many times chance the float model must be right for its labels to be believed, where classes are many. */
const CHANCE_FACTOR = 1.5;
/** Standard errors above chance that tell a small excess from luck. */
const CHANCE_ERRORS = 3;

/** Labels that the float model itself cannot guess are probably not its labels. */
export function chanceWarnings(task: TaskAccuracy | undefined | null): string[] {
  if (!task) return [];
  const chance = 1 / task.classes;
  const luck = CHANCE_ERRORS * Math.sqrt((chance * (1 - chance)) / task.samples);
  if (task.float > Math.min(CHANCE_FACTOR * chance, chance + luck)) return [];
  return [
    `The float model is right on ${formatPercent(task.float)} of the samples, where guessing gives ${formatPercent(chance)}: the labels may be those of other samples, shuffled or off by one, or the preprocessing is not the model's.`,
  ];
}

/** Share of the elements beyond the calibrated range from which on the samples are another kind. */
const MUCH = 0.01;

/** Samples that are measured on and go beyond what was calibrated on. */
export function beyondWarnings(beyond: readonly BeyondRange[]): string[] {
  const much = beyond.filter(({ share }) => share > MUCH);
  const [first] = much;
  if (!first) return [];
  const others = much.length > 1 ? `, and ${count(much.length - 1, 'value')} more` : '';
  return [
    `${formatPercent(first.share)} of "${first.name}" on the samples measured on lies beyond what the calibration samples held${others}: it is clipped. Calibrate on samples like those that the model will see.`,
  ];
}

/** A range that is found at run time is none where a value holds NaN or infinity: everything in it is lost. */
export function nonFiniteWarnings(
  { activations }: Pick<Recipe, 'activations'>,
  { placement }: Pick<ReportedPlan, 'placement'>,
  nonFinite: Evaluation['nonFinite'],
): string[] {
  if (activations.kind !== 'dynamic') return [];
  return nonFinite.flatMap(({ name, elements }) => {
    const layer = placement.weighted.find(({ result, runs }) => result === name && runs.kind === 'dynamic');
    if (!layer) return [];
    const { id } = layer.node;
    return [
      `${count(elements, 'element')} of "${name}" are not finite on the samples: no range can be found for such values at run time, and all of their run is lost. Keep the layer in float with --exclude "${id}".`,
    ];
  });
}

/** A file that gives something else on machines without VNNI: what, and how to mend it. */
export function portableWarnings(
  portable: PortableDrift | null,
  { outputs, task }: Pick<Evaluation, 'outputs' | 'task'>,
  recipe?: Pick<Recipe, 'assumeVnni'>,
): string[] {
  if (!portable) return [];
  const { layers, pairs, samples, task: there } = portable;
  const mend = recipe?.assumeVnni ? ' Without --assume-vnni it is the same everywhere.' : '';
  const named = portable.outputs.map(({ name, drift }) => ({ name, deployed: drift }));
  const worst = worstOutput(named);
  const here = outputs.find(({ name }) => name === worst?.name)?.exact;
  const accuracy =
    there && task ? `top-1 ${formatPercent(there.quantized)} of ${formatPercent(there.float)}, ` : '';
  const drift = `output "${worst?.name ?? ''}" ${formatDb(worst ? worstDb(worst.deployed) : null)}, elsewhere ${formatDb(here ? worstDb(here) : null)}`;
  return [
    `On x86 without VNNI ${count(pairs, 'pair')} of weights in ${count(layers, 'layer')} can overflow int16. What the file gives there, computed on ${count(samples, 'sample')}: ${accuracy}${drift}.${mend}`,
  ];
}

/**
 * Divergence from which on samples are not what a BatchNormalization has seen, in nats. With their own preset training images
 * give two networks for CIFAR-10 0.01 and 0.09, with the nearest wrong one 0.36 and 0.6.
 */
const FOREIGN = 0.25;
/** Spread from which on a wrong scale is the likely cause, and its inverse. */
const OTHER_SCALE = 1.5;

/** Samples that are not what the model was trained on, by the looks of them: raw pixels, or another preparation. */
export function fitWarnings({ norm, pixels }: InputFit, preprocess: string | undefined): string[] {
  const given = preprocess === undefined ? 'as they are given' : `with ${preprocess}`;
  if (norm) {
    const { input, spread, shift, divergence } = norm;
    // They fit, whatever they look like.
    if (divergence < FOREIGN) return [];
    const raw = pixels.includes(input) ? ' They look like raw pixels, 0 to 255.' : '';
    const wide = spread > OTHER_SCALE ? 'too wide' : spread < 1 / OTHER_SCALE ? 'too narrow' : 'shifted';
    return [
      `The samples of "${input}", ${given}, are probably not prepared as the model expects: behind its first BatchNormalization they are ${wide}, with ${spread.toPrecision(2)} times the deviation that it has seen and means ${shift.toPrecision(2)} deviations off.${raw} Try another --preprocess, or --mean and --std.`,
    ];
  }
  const [first] = pixels;
  if (first === undefined || preprocess !== undefined) return [];
  return [
    `The samples of "${first}" look like raw pixels, whole numbers from 0 to 255. Most models expect normalized ones: give --preprocess, or --preprocess none if this one takes them as they are.`,
  ];
}

/** Values of very different size that are joined, and must share one scale; what mends it is among what was tried. */
export function joinWarnings(
  graph: Graph,
  plan: Pick<ReportedPlan, 'placement' | 'activations'>,
  suggestions: readonly Suggestion[] = [],
): string[] {
  return farJoins(graph, plan).map(({ id, small, large }) => {
    const [low, high] = [small, large].map(({ reach }) => reach.toPrecision(2));
    return `"${id}" joins "${small.name}" (up to ${low}) and "${large.name}" (up to ${high}) in one scale, which leaves little of the smaller.${suggestions.length > 0 ? '' : ` --suggest measures what --exclude "${id}" gains.`}`;
  });
}

/** What computes in float since 8 bits do not hold it on the samples, and how to quantize it all the same. */
export function widenedWarnings({
  widened = [],
  recipe,
}: Pick<ReportedPlan, 'widened' | 'recipe'>): string[] {
  const how = formOf(recipe.target).widest === WIDE_BITS ? `at ${WIDE_BITS} bits` : 'in float';
  const ranges = widened.flatMap(({ id, because }) => (because.kind === 'range' ? [{ id, ...because }] : []));
  const joins = widened.flatMap(({ id, because }) => (because.kind === 'join' ? [{ id, ...because }] : []));
  const [worst] = [...ranges].sort((a, b) => a.sqnrDb - b.sqnrDb);
  const rangeSentence = worst && [
    `${count(ranges.length, 'layer')}, as "${worst.id}", ${ranges.length === 1 ? 'computes' : 'compute'} ${how}: a few values are so far from all others that 8 bits would leave ${formatDb(worst.sqnrDb)} of "${worst.value}". --rule '${worst.id}:act-bits=8' quantizes one all the same.`,
  ];
  return [
    ...unseenWarnings(widened),
    ...joins.map(({ id, small, large }) => {
      const readers = widened.filter(({ because }) => because.kind === 'reads' && because.join === id);
      const [low, high] = [small, large].map(({ reach }) => reach.toPrecision(2));
      const along =
        readers.length > 0 ? `, and what reads it (${readers.map((each) => `"${each.id}"`).join(', ')})` : '';
      return `"${id}" joins "${small.name}" (up to ${low}) and "${large.name}" (up to ${high}): it stays in float${along}. --rule '${id}:act-bits=8' joins them all the same.`;
    }),
    ...(rangeSentence ?? []),
  ];
}

/** Layers whose weights alone are quantized, since the samples do not show their ranges. */
function unseenWarnings(widened: readonly WidenedNode[]): string[] {
  const unseen = widened.flatMap(({ id, because }) =>
    because.kind === 'unseen' ? [{ id, ...because }] : [],
  );
  const empty = widened.flatMap(({ id, because }) => (because.kind === 'empty' ? [{ id, ...because }] : []));
  const are = ({ length }: readonly unknown[]) => `${length === 1 ? 'is' : 'are'} weights only`;
  const inside = unseen.filter(({ place }) => place === 'inside');
  const behind = unseen.filter(({ place }) => place === 'behind');
  const placed = [
    ...inside.slice(0, 1).map(({ id, owner }) => `${count(inside.length, 'layer')} in ${owner}, as "${id}",`),
    ...behind.slice(0, 1).map(({ id, owner }) => {
      const layers = inside.length > 0 ? `${behind.length}` : count(behind.length, 'layer');
      return `${layers} behind ${owner}, as "${id}",`;
    }),
  ];
  const why =
    behind.length > 0
      ? 'no sample came by all branches and steps, so that what comes of them may be larger than what was observed. Give samples that do.'
      : 'no sample came by there, so that no range was observed. Give samples that do.';
  const [first] = empty;
  return [
    ...(placed.length > 0 ? [`${placed.join(' and ')} ${are(unseen)}: ${why}`] : []),
    ...(first
      ? [
          `${count(empty.length, 'layer')}, as "${first.id}", ${are(empty)}: no sample had an element of "${first.value}". Give samples that do.`,
        ]
      : []),
  ];
}

/** Layers that stay in float so that boxes do not move, and how to quantize them all the same. */
export function boxWarnings(kept: KeptBoxes | undefined): string[] {
  if (!kept) return [];
  const { layers, share, before, after } = kept;
  const [from, to] = [before, after].map(({ worst }) => `${(100 * worst).toPrecision(2)} %`);
  const lost = before.lost > 0 ? `, and ${count(before.lost, 'score')} lost` : '';
  const of = `${count(layers.length, 'layer')}, as "${layers[0]}", ${layers.length === 1 ? 'stays' : 'stay'} in float, ${Math.round(100 * share)} % of the multiplications`;
  return [
    `${of}: boxes would be off by up to ${from} of the picture${lost}, and are by ${to} so. --keep-boxes off quantizes all.`,
  ];
}
