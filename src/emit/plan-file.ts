import * as z from 'zod';
import { openSafetensors } from '../../calibration/readers/safetensors.js';
import { QuantizeError } from '../errors.js';
import { readWhole } from '../files/open.js';
import type { Model } from '../graph/model.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import { atEightBits, type Placement, quantizerKeys } from '../place/placement.js';
import { hashModel } from '../proto/hash.js';
import { constantOperands } from '../quantize/build-plan.js';
import { biasOwner, problemOfActivation, problemOfBias, problemOfWeight } from '../quantize/check-plan.js';
import { judges, type Plan, type PlannedActivation, type StoredTensor } from '../quantize/plan.js';
import { provenanceSchema } from '../quantize/provenance.js';
import { checkRecipe, type GivenRecipe, MAX_BITS, type Recipe } from '../recipe.js';
import { registries } from '../registries.js';
import { showPlace } from '../validate/check.js';
import { tool } from '../version.js';
import { type Arrays, arraysOf, safetensors } from './safetensors.js';
import { gridSchema, partsOf, shapeOf, tensorFrom, weightSchema } from './stored-numbers.js';

/** Version of the file. */
const PLAN_VERSION = 2;

/** The tensor of the file that holds all that is no array, as JSON. */
const PLAN_KEY = 'plan';

const observation = z.strictObject({
  observer: z.string(),
  range: z.strictObject({ min: z.number(), max: z.number() }).optional(),
  degenerate: z.enum(['empty', 'all zero', 'constant']).optional(),
  offset: z
    .strictObject({ scale: z.number(), offset: z.number(), error: z.number(), roundedError: z.number() })
    .optional(),
  exactError: z.number().optional(),
});

const planSchema = z.strictObject({
  version: z.literal(PLAN_VERSION),
  tool: z.string(),
  /** The folded model's. */
  model: z.string(),
  recipe: z.unknown(),
  provenance: provenanceSchema.optional(),
  activations: z.array(
    z.strictObject({ value: z.string(), owner: z.string(), grid: gridSchema, observation }),
  ),
  weights: z.array(z.strictObject({ sites: z.array(z.string()).min(1), weight: weightSchema })),
  biases: z.array(z.string()),
  refinements: z.array(
    z.strictObject({
      name: z.string(),
      settings: z.record(z.string(), z.union([z.number(), z.string()])),
      judge: z.enum(judges).default('float'),
      samples: z.number(),
      heldBack: z.number(),
      before: z.number().nullable(),
      after: z.number().nullable(),
      kept: z.boolean(),
      blocks: z.array(
        z.union([
          z.strictObject({
            id: z.string(),
            before: z.number(),
            after: z.number(),
            losses: z.array(z.number()).optional(),
          }),
          z.strictObject({ id: z.string(), left: z.string() }),
        ]),
      ),
    }),
  ),
});

type PlanJson = z.output<typeof planSchema>;

/**
 * A plan as a file: a safetensors file with every code, scale and bias, and one tensor `plan` that is the rest as JSON. The
 * same plan gives the same bytes.
 *
 * @param model - the folded float model that it is a plan of
 */
export function serializePlan(model: Model, plan: Plan): Uint8Array {
  const sites = new Map<StoredTensor, string[]>();
  for (const [id, tensor] of plan.weights) sites.set(tensor, [...(sites.get(tensor) ?? []), id]);
  const tensors = [...sites];
  const activations = [...plan.activations];
  const biases = [...plan.biases];
  const json: PlanJson = {
    version: PLAN_VERSION,
    tool: `${tool.name} ${tool.version}`,
    model: hashModel(model),
    recipe: plan.recipe,
    provenance: plan.provenance,
    activations: activations.map(([value, { quantizer, observation: seen, owner }]) => {
      return { value, owner, grid: { ...quantizer.grid }, observation: seen };
    }),
    weights: tensors.map(([tensor, ids]) => ({ sites: ids, weight: shapeOf(tensor) })),
    biases: biases.map(([id]) => id),
    refinements: structuredClone(plan.refinements) as PlanJson['refinements'],
  };
  const arrays: Arrays = new Map();
  arrays.set(PLAN_KEY, new TextEncoder().encode(JSON.stringify(json)));
  for (const [i, [, { quantizer }]] of activations.entries())
    if (quantizer.kind === 'lut') arrays.set(`activation.${i}.table`, quantizer.table);
  for (const [i, [tensor]] of tensors.entries())
    for (const [part, array] of partsOf(tensor)) arrays.set(`weight.${i}.${part}`, array);
  for (const [i, [, bias]] of biases.entries()) arrays.set(`bias.${i}`, bias);
  return safetensors(arrays);
}

/** What is in a plan file, before it is known to fit the model. */
export interface StoredPlan {
  readonly path: string;
  /** Checked; what goes together or not is told where it is resolved. */
  readonly recipe: GivenRecipe;
  readonly json: PlanJson;
  readonly arrays: Arrays;
}

/**
 * Read a plan file, as one from a stranger.
 *
 * @throws QuantizeError `plan-format` for what is no plan of this version
 */
export async function readPlanFile(path: string): Promise<StoredPlan> {
  const bytes = await readWhole(path);
  const source = {
    sizeBytes: bytes.byteLength,
    read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
  };
  const entries = await openSafetensors(path, source).catch((thrown: unknown) => {
    if (thrown instanceof QuantizeError) throw malformed(path, 'it is no sound safetensors file');
    throw thrown;
  });
  const arrays = await arraysOf(entries);
  const text = arrays.get(PLAN_KEY);
  if (!(text instanceof Uint8Array)) throw malformed(path, `it has no tensor "${PLAN_KEY}"`);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw malformed(path, `its tensor "${PLAN_KEY}" is no JSON`);
  }
  const version = (content as { version?: unknown } | null)?.version;
  if (version !== PLAN_VERSION)
    throw malformed(path, `its version is ${String(version)}, not ${PLAN_VERSION}`);
  const found = planSchema.safeParse(content);
  if (!found.success) {
    const [issue] = found.error.issues;
    throw malformed(path, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it is malformed'}`);
  }
  const recipe = checkRecipe(
    found.data.recipe,
    registries,
    (place) => `${path}: ${showPlace(['recipe', ...place])}`,
  );
  return { path, recipe, json: found.data, arrays };
}

/** What a stored plan must fit. */
export interface PlanOwner {
  /** The folded float model. */
  readonly model: Model;
  readonly recipe: Recipe;
  readonly placement: Placement;
}

/**
 * The plan in a file, checked against the model and the placement of its recipe.
 *
 * @throws QuantizeError `plan-model` where it is of another model, `plan-format` where a number is missing, too many, or
 * none that a model can be written from
 */
export function planOf({ path, json, arrays }: StoredPlan, owner: PlanOwner): Plan {
  const { model, recipe } = owner;
  const placement = asWideAs(json.weights, owner);
  if (json.model !== hashModel(model)) throw new QuantizeError('plan-model', { path });
  const activations = new Map<string, PlannedActivation>();
  for (const [
    i,
    {
      value,
      owner,
      grid: { ...own },
      observation: seen,
    },
  ] of json.activations.entries()) {
    const table = arrays.get(`activation.${i}.table`);
    const quantizer: ActivationQuantizer =
      table instanceof Uint8Array ? { kind: 'lut', grid: own, table } : { kind: 'affine', grid: own };
    refuseProblem(path, value, problemOfActivation(quantizer));
    const { range, degenerate, offset, exactError } = seen;
    const { observer } = seen;
    activations.set(value, {
      quantizer,
      observation: { observer, range, degenerate, offset, exactError },
      owner,
    });
  }
  refuseOthers(path, 'activation', [...activations.keys()], quantizerKeys(placement));

  const biases = new Map<string, Float32Array>();
  for (const [i, id] of json.biases.entries()) {
    const weighted = biasOwner(placement, id);
    const bias = arrays.get(`bias.${i}`);
    if (!weighted) throw malformed(path, `the model has no layer "${id}"`);
    if (!(bias instanceof Float32Array)) throw malformed(path, `the bias of "${id}" is missing`);
    refuseProblem(path, id, problemOfBias(weighted, id, bias));
    biases.set(id, bias);
  }

  const weights = new Map<string, StoredTensor>();
  for (const [i, { sites, weight: stored }] of json.weights.entries()) {
    const tensor = tensorFrom(
      stored,
      (part) => arrays.get(`weight.${i}.${part}`),
      (reason) => malformed(path, reason),
    );
    for (const id of sites) weights.set(id, tensor);
  }
  const sites = placement.weighted.flatMap((each) => each.sites.map(({ id }) => id));
  refuseOthers(path, 'weight', [...weights.keys()], sites);
  const { provenance } = json;
  const numbers = { recipe, placement, activations, biases, provenance };
  for (const weighted of placement.weighted)
    for (const site of weighted.sites)
      refuseProblem(
        path,
        site.id,
        problemOfWeight(numbers, weighted, site, weights.get(site.id) as StoredTensor),
      );
  return {
    ...numbers,
    weights,
    constants: constantOperands(model.graph, placement, recipe),
    refinements: json.refinements,
  };
}

/** The placement with those nodes at 8 bits that a plan left so, since fewer bits saved no byte. */
function asWideAs(
  weights: PlanJson['weights'],
  { placement, recipe: whole }: Pick<PlanOwner, 'placement' | 'recipe'>,
): Placement {
  const wide = new Set(weights.flatMap(({ sites, weight }) => (weight.bits === MAX_BITS ? sites : [])));
  const isWider = ({ recipe, sites }: Placement['weighted'][number]) =>
    recipe.bits < MAX_BITS && sites.every(({ id }) => wide.has(id));
  const ids = placement.weighted.filter(isWider).map(({ node }) => node.id);
  return atEightBits(placement, new Set(ids), whole);
}

function refuseProblem(path: string, name: string, problem: string | undefined): void {
  if (problem) throw malformed(path, `"${name}" ${problem}`);
}

/** Every number that is needed is there once, and no other. */
function refuseOthers(path: string, what: string, found: readonly string[], needed: readonly string[]): void {
  const [has, needs] = [new Set(found), new Set(needed)];
  const missing = needed.find((name) => !has.has(name));
  if (missing !== undefined) throw malformed(path, `the ${what} "${missing}" is missing`);
  const strange = found.find((name) => !needs.has(name));
  if (strange !== undefined) throw malformed(path, `the ${what} "${strange}" is none of the model`);
}

const malformed = (path: string, reason: string): QuantizeError =>
  new QuantizeError('plan-format', { path, reason });
