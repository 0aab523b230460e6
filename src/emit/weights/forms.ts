import type { Model } from '../../graph/model.js';
import { opsetOf } from '../../graph/model.js';
import type { Plan, StoredBytes } from '../../quantize/plan.js';
import type { BlockTensor, QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Format } from '../../recipe.js';
import { blockBytes } from './blocks.js';
import { byteTable } from './byte-table.js';
import type { StorageTarget, WeightForm } from './form.js';
import { int4Cast } from './int4-cast.js';
import { int8 } from './int8.js';
import { wordIndex } from './word-index.js';
import { wordTable } from './word-table.js';

/** The forms that a weight can be stored in; the first that holds it is taken. */
export const weightForms: readonly WeightForm[] = [wordTable, wordIndex, int4Cast, byteTable, int8];

/** The form that a weight is stored in. */
export function formFor(tensor: QuantizedTensor, target: StorageTarget): WeightForm {
  if (target.format === 'qdq-int8' || target.unpaid?.has(tensor)) return int8;
  const form = weightForms.find((candidate) => candidate.holds(tensor, target));
  if (!form) throw new Error('no form holds a weight');
  return form;
}

/** What forms must know of a model and its recipe. */
export function formTarget(model: Model, format: Format): StorageTarget {
  return { format, opset: opsetOf(model), irVersion: model.irVersion };
}

/** Bytes of all weights of a plan in the file: codes and levels, without scales. */
export function weightBytes({ weights }: Pick<Plan, 'weights'>, target: StorageTarget): number {
  const tensors = new Set(weights.values());
  const bytesOf = (tensor: QuantizedTensor | BlockTensor) =>
    tensor.kind === 'blocks' ? blockBytes(tensor) : formFor(tensor, target).bytes(tensor);
  return [...tensors].reduce((sum, tensor) => sum + bytesOf(tensor), 0);
}

/** What the weights of a plan take in a model, and what they would take at best. */
export function storedBytes(plan: Plan, model: Model): StoredBytes {
  const bytesAs = (format: Format) => weightBytes(plan, formTarget(model, format));
  return { stored: bytesAs(plan.recipe.format), packed: bytesAs('packed') };
}
