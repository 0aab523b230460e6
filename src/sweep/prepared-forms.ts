import { preprocessOf } from '../../calibration/given-preprocess.js';
import { rangeOfPixels } from '../../calibration/preprocess.js';
import type { Watch } from '../calibrate/watch.js';
import { foldedFormOf, formKey } from '../fold/folded-form.js';
import type { Model } from '../graph/model.js';
import { defaultLimits } from '../load/limits.js';
import type { SweepOptions } from '../options.js';
import { place, refuseEmpty } from '../place/place.js';
import { prepare } from '../prepare/prepare.js';
import type { Recipe } from '../recipe.js';

export type Prepared = Awaited<ReturnType<typeof prepare>>;

/** What a sweep is asked for, where it keeps its record, and who is told of it. */
export interface Asked {
  readonly options: SweepOptions;
  readonly output: string;
  readonly watch: Watch;
}

/** The range that the inputs can have, where it is known. */
export const inputRangeOf = ({ inputRange, preprocess }: SweepOptions) =>
  inputRange ?? rangeOfPixels(preprocessOf(preprocess));

/** The folded models in the forms that recipes need, as `quantize` has them: each is made once. */
export class PreparedForms {
  readonly #asked: Asked;
  readonly #prepared = new Map<string, Prepared>();

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  async of(recipe: Recipe): Promise<Prepared> {
    const form = foldedFormOf(recipe);
    const known = this.#prepared.get(formKey(form));
    if (known) return known;
    const { options, output, watch } = this.#asked;
    const outputs = [output, ...[options.report ?? []].flat()];
    const check = (folded: Model) =>
      refuseEmpty(folded, place(folded, recipe, options.model), options.model, recipe);
    const prepared = await prepare(options, {
      outputs,
      form,
      check,
      isHalf: recipe.float16,
      watch,
      limits: defaultLimits,
    });
    this.#prepared.set(formKey(form), prepared);
    return prepared;
  }
}
