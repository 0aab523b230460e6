import { elementCount } from '../../numerics/nd-array.js';
import type { Plan } from '../../quantize/plan.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import { MAX_BITS } from '../../recipe.js';
import { isTooSmall } from './byte-table.js';
import type { StorageTarget } from './form.js';
import { formFor } from './forms.js';
import { int8 } from './int8.js';
import { storedSizes } from './stored-size.js';

/** Beyond so many elements every form takes fewer bytes than int8: tables and nodes are a few kB at most. */
const LARGE = 2 ** 16;

/** Weights of one width in one form, which share the tables that unpack them. */
interface Group {
  readonly weights: QuantizedTensor[];
  saved: number;
  shared: number;
}

/**
 * Weights below 8 bits that take fewer bytes as plain int8: small ones, whose nodes weigh more than what packing saves, and
 * all of a width and form where together they save less than the tables that they share. The numbers are the same either way.
 */
export function unpaidWeights(
  { weights }: Pick<Plan, 'weights'>,
  target: StorageTarget,
): ReadonlySet<QuantizedTensor> {
  const unpaid = new Set<QuantizedTensor>();
  const groups = new Map<string, Group>();
  for (const weight of new Set(weights.values())) {
    if (weight.kind === 'blocks' || weight.bits === MAX_BITS) continue;
    const form = formFor(weight, target);
    if (form === int8) {
      // Where the format packs nothing, the width is what was asked for.
      if (target.format !== 'qdq-int8' && isTooSmall(weight, target)) unpaid.add(weight);
      continue;
    }
    const key = `${form.name} ${weight.kind} ${weight.bits}`;
    const group = groups.get(key) ?? { weights: [], saved: 0, shared: 0 };
    groups.set(key, group);
    const count = elementCount(weight.dims);
    if (count > LARGE) {
      group.saved = Number.POSITIVE_INFINITY;
      continue;
    }
    const { own, shared } = storedSizes(weight, target);
    const saved = storedSizes(weight, { ...target, unpaid: new Set([weight]) }).own - own;
    if (saved <= 0) {
      unpaid.add(weight);
      continue;
    }
    group.weights.push(weight);
    group.saved += saved;
    group.shared = Math.max(group.shared, shared);
  }
  for (const { weights: together, saved, shared } of groups.values())
    if (saved <= shared) for (const weight of together) unpaid.add(weight);
  return unpaid;
}
