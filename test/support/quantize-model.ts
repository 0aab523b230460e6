import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { SampleSource } from '../../calibration/source.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import { type EmittedModel, emitModel } from '../../src/emit/emit-model.js';
import type { Model, Node } from '../../src/graph/model.js';
import { elementCount, type Feed } from '../../src/numerics/nd-array.js';
import { place } from '../../src/place/place.js';
import { observedValues, type Placement, type Role } from '../../src/place/placement.js';
import { encodeModel } from '../../src/proto/encode.js';
import { buildPlan } from '../../src/quantize/build-plan.js';
import type { Plan } from '../../src/quantize/plan.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { completeRecipe, type GivenRecipe, type Recipe } from '../../src/recipe.js';
import { randomFloats } from './graph-builder.js';

/** A model through place, calibrate, plan and emit, without files. */
export interface QuantizedModel {
  readonly float: Model;
  readonly placement: Placement;
  readonly plan: Plan;
  readonly emitted: EmittedModel;
  readonly bytes: Uint8Array;
  /** What it was calibrated on. */
  readonly feeds: readonly Feed[];
}

/** Quantize a built model on feeds, random ones by default; uniform codes unless the recipe names a scheme. */
export async function quantizeModel(
  model: Model,
  recipe: GivenRecipe = {},
  feeds: readonly Feed[] = randomFeeds(model),
): Promise<QuantizedModel> {
  const whole = withMinmax({ scheme: 'minmax', ...recipe });
  const placement = place(model, whole, 'model.onnx');
  const source = whole.activations.kind === 'float' ? undefined : sourceOf(feeds);
  const statistics = await calibrate(model, observedValues(placement), source);
  const plan = await buildPlan(
    { model, recipe: whole, placement },
    { ...noRanges, statistics },
    { rangeSources, actSchemes, schemes },
  );
  const emitted = emitModel(model, plan);
  return { float: model, placement, plan, emitted, bytes: encodeModel(emitted.model), feeds };
}

/** A whole recipe, its ranges from the ends of what was seen where nothing else is said. */
export function withMinmax({ activations, ...others }: GivenRecipe): Recipe {
  const isOther = activations?.kind === 'float' || activations?.kind === 'dynamic';
  return completeRecipe({
    ...others,
    activations: isOther ? activations : { observer: 'minmax', ...activations },
  });
}

/** Feeds as a source of samples, one a batch. */
export function sourceOf(feeds: readonly Feed[]): SampleSource {
  return {
    label: 'test',
    length: feeds.length,
    preprocess: 'none',
    async *open() {
      for (const feed of feeds) yield { feed, size: 1, samples: 1 };
    },
  };
}

/** Three feeds for the float32 inputs of a model, in [−1, 1); dynamic dimensions are 1. */
export function randomFeeds(model: Model, seed = 100): Feed[] {
  return [0, 1, 2].map((round) =>
    Object.fromEntries(
      model.graph.inputs.map(({ name, shape }, i) => {
        const dims = (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 1));
        const data = randomFloats(elementCount(dims), seed + 10 * round + i);
        return [name, { type: 'float32' as const, dims, data }];
      }),
    ),
  );
}

/** The role of the node that makes a value. */
export function roleOf(placement: Placement, id: string): Role {
  const found = placement.roles.get(id);
  if (!found) throw new Error(`no node makes ${id}`);
  return found;
}

/** Why the node that makes a value stays float; undefined where it does not. */
export function reasonFor(placement: Placement, id: string): string | undefined {
  const role = roleOf(placement, id);
  return role.kind === 'float' ? role.reason : undefined;
}

/** The node of a graph that makes a value. */
export function makerOf(nodes: readonly Node[], value: string): Node {
  const found = nodes.find((node) => node.outputs.includes(value));
  if (!found) throw new Error(`no node makes ${value}`);
  return found;
}
