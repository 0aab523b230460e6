import type { Tensor } from '../graph/tensor.js';
import type { StoredTensor } from './plan.js';

/** So many forms of a weight are kept: recipes that are tried one after another differ in a layer or two. */
const MOST_KEPT = 3;

/** Weights as they were quantized, for recipes that are tried one after another: most layers are the same in the next. */
export class WeightMemory {
  readonly #known = new WeakMap<Tensor, Map<string, StoredTensor>>();

  /**
   * What a weight becomes; the last few forms of each are kept.
   *
   * @param how - tells all that it depends on
   */
  async recall(weight: Tensor, how: string, make: () => Promise<StoredTensor>): Promise<StoredTensor> {
    const forms = this.#known.get(weight) ?? new Map<string, StoredTensor>();
    this.#known.set(weight, forms);
    const found = forms.get(how) ?? (await make());
    // The last that was asked for stands at the end.
    forms.delete(how);
    forms.set(how, found);
    const [oldest] = forms.keys();
    if (forms.size > MOST_KEPT && oldest !== undefined) forms.delete(oldest);
    return found;
  }
}
