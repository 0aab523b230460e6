import type { ActScheme } from '../../calibration/act-schemes/act-scheme.js';
import type { Observer } from '../../calibration/observers/observer.js';
import type { Ranges } from '../calibrate/find-ranges.js';
import type { EmittedModel } from '../emit/emit-model.js';
import { emitPlan } from '../emit/emit-plan.js';
import type { Model, Node } from '../graph/model.js';
import { place, refuseEmpty } from '../place/place.js';
import type { Placement } from '../place/placement.js';
import { encodeModel } from '../proto/encode.js';
import { buildPlan } from '../quantize/build-plan.js';
import type { Plan } from '../quantize/plan.js';
import type { Scheme } from '../quantize/schemes/scheme.js';
import type { Recipe } from '../recipe.js';

/** What one calibration leaves behind: all that quantizing by another recipe needs. */
export interface Bench {
  /** The folded float model. */
  readonly model: Model;
  /** Its file, for messages. */
  readonly path: string;
  /** Of every value that a recipe which is tried could need. */
  readonly ranges: Ranges;
  readonly schemes: readonly Scheme[];
  readonly observers: readonly Observer[];
  readonly actSchemes: readonly ActScheme[];
}

/** A model quantized by one recipe, as its file would be. */
export interface Attempt {
  readonly recipe: Recipe;
  readonly placement: Placement;
  readonly plan: Plan;
  readonly emitted: EmittedModel;
  readonly bytes: Uint8Array;
}

/** Quantize by a recipe, down to the bytes of the file. */
export function quantizeAs(bench: Bench, recipe: Recipe): Attempt {
  const placement = place(bench.model, recipe, bench.path);
  refuseEmpty(placement, bench.path);
  const plan = planAs(bench, recipe, placement);
  const { emitted } = emitPlan(bench.model, plan);
  return { recipe, placement, plan, emitted, bytes: encodeModel(emitted.model) };
}

/** The numbers of a recipe. */
export function planAs(bench: Bench, recipe: Recipe, placement: Placement): Plan {
  const { model, ranges, schemes, observers, actSchemes } = bench;
  // Observers that were chosen value by value belong to the observer that chose them.
  const choices = ranges.observer === recipe.observer ? ranges.choices : undefined;
  return buildPlan({
    ...{ model, recipe, placement, statistics: ranges.statistics, choices },
    ...{ schemes, observers, actSchemes },
  });
}

/** A placement with one layer alone: the plan made of it has the same numbers for that layer, and no others to find. */
export function onlyLayer(placement: Placement, layer: Node): Placement {
  const hasWeights = new Set(['layer', 'stored', 'dynamic', 'storing', 'bias']);
  const roles = new Map(
    [...placement.roles].filter(([node, role]) => {
      if (role.kind === 'bias') return role.layer.linear.node === layer;
      return node === layer || !hasWeights.has(role.kind);
    }),
  );
  const layers = placement.layers.filter(({ linear }) => linear.node === layer);
  return { ...placement, roles, layers };
}
