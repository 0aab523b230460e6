import type { ActScheme } from '../../calibration/act-schemes/act-scheme.js';
import { exactOffset } from '../../calibration/observers/exact-offset.js';
import { minmax } from '../../calibration/observers/minmax.js';
import type { ObserverSettings } from '../../calibration/observers/observer.js';
import type { RangeSource } from '../../calibration/range-sources/range-source.js';
import type { Ranges } from '../calibrate/find-ranges.js';
import { QuantizeError } from '../errors.js';
import { inputAt } from '../graph/model.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { type AffineQuantizer, quantizerOfRange, signedQuantizer } from '../numerics/affine.js';
import type { PlacedModel } from '../place/placement.js';
import { formOf } from '../place/targets/targets.js';
import { MAX_BITS, named, type Recipe, type StaticActivations, WIDE_BITS } from '../recipe.js';
import type { Felt } from './felt-range.js';
import type { Observation } from './plan.js';
import type { Scheme } from './schemes/scheme.js';

/** What a recipe can name of what makes the numbers of a plan. */
export interface PlanRegistries {
  readonly rangeSources: readonly RangeSource[];
  readonly actSchemes: readonly ActScheme[];
  readonly schemes: readonly Scheme[];
}

/** The model, the ranges of its activations, and the registries. */
export interface ObservedSources extends Pick<PlacedModel, 'model' | 'recipe' | 'placement'> {
  readonly ranges: Ranges;
  readonly registries: PlanRegistries;
  /** What is left of statistics where readers do not tell elements apart. */
  readonly felt: Felt;
}

/** The quantizer of a value in so many bits, by what was seen of it, and what that was. */
export function observe(
  sources: ObservedSources,
  name: string,
  bits: number,
): { quantizer: ActivationQuantizer; observation: Observation } {
  const { placement, ranges, recipe, registries } = sources;
  const { activations } = recipe;
  if (activations.kind !== 'static') throw new Error(`${name} has no fixed range`);
  // Observers that were chosen value by value belong to the source that chose them.
  const choice = ranges.source === activations.observer ? ranges.choices?.get(name) : undefined;
  const source = named(registries.rangeSources, activations.observer);
  const observer = choice ?? source.observer;
  const chosenBy = choice?.name ?? source.name;
  const seen = ranges.statistics?.tensors.get(name);
  // What to exclude: a layer that reads the value, as it is or moved, or else the one that makes it.
  const rootOf = (value: string | undefined) => placement.values.get(value ?? '')?.root;
  const layers = placement.weighted.filter(({ runs }) => runs.kind === 'integer');
  const { node: layer } =
    layers.find(({ node }) => rootOf(inputAt(node, 0)) === name) ??
    layers.find(({ result }) => rootOf(result) === name) ??
    {};
  if (!seen || seen.nonFinite > 0) {
    const problem = seen ? `${seen.nonFinite} values that are not finite` : 'no values';
    throw new QuantizeError('bad-values', { tensor: name, problem, layer: layer?.id ?? name });
  }
  const { min, max } = seen;
  // No sample had an element there: any quantizer serves.
  if (min > max) {
    const quantizer = { kind: 'affine', grid: gridFor(recipe, quantizerOfRange(0, 0, bits)) } as const;
    const observation = {
      observer: chosenBy,
      range: undefined,
      degenerate: 'empty',
      offset: undefined,
      exactError: undefined,
    } as const;
    return { quantizer, observation };
  }
  const isInput = sources.model.graph.inputs.some((input) => input.name === name);
  const scheme = named(sources.registries.actSchemes, activations.levels);
  // 8 bits are all that a grid has, and what comes from outside is no result of Relu.
  const felt = sources.felt(name, seen);
  const levels = bits < MAX_BITS && !isInput ? scheme.quantizer(felt, bits) : undefined;
  // 65,536 steps are enough for the whole range.
  const chooser = bits === WIDE_BITS ? minmax : observer;
  const settings = settingsAt(bits, activations);
  const grid = chooser.quantizer(bits === WIDE_BITS ? seen : felt, bits, settings);
  const quantizer = levels ?? { kind: 'affine', grid: gridFor(recipe, grid) };
  const offset = levels || bits === WIDE_BITS ? undefined : observer.offsetFit?.(felt, bits, settings);
  const exact =
    offset && activations.exactOffset && bits < MAX_BITS
      ? exactOffset(offset, felt.distribution(), bits)
      : undefined;
  const degenerate = min < max ? undefined : min === 0 ? 'all zero' : 'constant';
  // With many levels the grid of a table can be the coarser of the two.
  const isExact = exact !== undefined && exact.error < (offset?.roundedError ?? 0);
  const exactError = isExact ? exact.error : undefined;
  return {
    quantizer: isExact ? exact.quantizer : quantizer,
    observation: {
      observer: bits === WIDE_BITS ? minmax.name : chosenBy,
      range: { min, max },
      degenerate,
      offset,
      exactError,
    },
  };
}

/** A configuration of LSQ+ whose offset is free. */
const FREE_OFFSET = 4;

/**
 * What the observer is told for a value of so many bits. The configurations of LSQ+ are of the inputs of layers: what a
 * shortcut adds, which the paper leaves in float, has more bits and both signs, and keeps an offset.
 */
function settingsAt(bits: number, { bits: asked, observerSettings }: StaticActivations): ObserverSettings {
  return bits > asked ? { ...observerSettings, lsqplusConfig: FREE_OFFSET } : observerSettings;
}

/** A grid as the target takes it. */
export const gridFor = ({ target }: Pick<Recipe, 'target'>, grid: AffineQuantizer): AffineQuantizer =>
  formOf(target).activations === 'symmetric-int8' ? signedQuantizer(grid) : grid;
