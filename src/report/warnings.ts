import type { OutputDrift } from '../evaluate/compare-outputs.js';
import { defaultRecipe, MAX_BITS, type Recipe } from '../recipe.js';
import { type Machine, saturates } from '../runtime/machine.js';
import type { ActivationRecord } from './describe-activations.js';
import type { PlanDescription } from './describe-plan.js';
import { formatBytes } from './format.js';

/** What the warnings are read from. */
export interface Observed {
  readonly recipe: Recipe;
  readonly machine: Machine;
  readonly plan: PlanDescription;
  readonly outputs: readonly OutputDrift[];
  readonly activations: readonly Pick<ActivationRecord, 'name' | 'bits' | 'scheme'>[];
  /** Bytes of the weights' codes and levels: as stored, and as packed as can be. */
  readonly weightBytes: { readonly stored: number; readonly packed: number };
  readonly evaluationKind: 'evaluation' | 'calibration' | 'synthetic';
}

/** Weights wider than this can make two neighbouring products overflow int16: 2·255·64 < 2^15. */
const SATURATING_BITS = 7;

/** What a portable format costs. */
function formatWarnings({ recipe, weightBytes: { stored, packed } }: Observed): string[] {
  if (stored <= packed) return [];
  const [wide, narrow] = [formatBytes(stored), formatBytes(packed)];
  return [`--format ${recipe.format} stores the weights in ${wide}; packed they would take ${narrow}.`];
}

/** Narrow activations that the recipe's scheme is not for. */
function levelWarnings({ recipe, activations }: Observed): string[] {
  if (recipe.actScheme === defaultRecipe.actScheme) return [];
  const narrow = activations.filter(({ bits }) => bits < MAX_BITS);
  const uniform = narrow.filter(({ scheme }) => scheme !== recipe.actScheme);
  const [first] = uniform;
  if (!first) return [];
  const count = `${uniform.length} of ${narrow.length}`;
  return [
    `${count} activations below ${MAX_BITS} bits stay uniform, as "${first.name}": ${recipe.actScheme} is not for a model input, nor where a value has signs that it cannot hold.`,
  ];
}

/** What a user should know before trusting the numbers; what depends on times stands with them. */
export function warningsOf(observed: Observed): string[] {
  const { recipe, machine, plan, outputs, evaluationKind } = observed;
  const warnings: string[] = [...formatWarnings(observed), ...levelWarnings(observed)];
  if (recipe.actBits === 'float') {
    warnings.push('Weights only: activations stay in float. Give samples with --data to quantize them too.');
  }
  if (evaluationKind === 'synthetic') {
    warnings.push('The drift is measured on seeded random input: it says little about real data.');
  }
  for (const { id, quantized } of plan.layers) {
    if (!quantized?.raisedChannels) continue;
    warnings.push(
      `Layer "${id}" has biases too large for its steps: ${quantized.raisedChannels} channels take coarser weights. Keep it in float with --exclude "${id}".`,
    );
  }
  for (const { name, deployed, exact, kernels } of outputs) {
    if (deployed.nonFiniteMismatches > 0) {
      warnings.push(
        `Output "${name}" is not finite in one of the two models (${deployed.nonFiniteMismatches} elements).`,
      );
    }
    if (deployed.shapeMismatches > 0) {
      warnings.push(
        `Output "${name}" has another shape on ${deployed.shapeMismatches} samples, which were not compared.`,
      );
    }
    if (kernels.sqnrDb !== null && kernels.sqnrDb < (exact.sqnrDb ?? Number.POSITIVE_INFINITY)) {
      const compared = `${kernels.sqnrDb.toFixed(1)} dB, the quantization itself ${exact.sqnrDb?.toFixed(1) ?? 'no'} dB`;
      warnings.push(
        `The integer kernels of this machine lose more of output "${name}" than the quantization: ${compared}.`,
      );
    }
  }
  const integers = recipe.actBits !== 'float' && recipe.bits > SATURATING_BITS && !recipe.reduceRange;
  if (integers && saturates(machine)) {
    warnings.push(
      'This CPU has no VNNI: its int8 kernels saturate. Use --reduce-range for files that run on such machines.',
    );
  }
  return warnings;
}
