import { defaultRecipe, type Recipe, type Rescaling } from '../recipe.js';

/** What a recipe asks of the folded model: models of one form are the same to the bit. */
export interface FoldedForm {
  /** Raised to opset 13; weights alone are stored in what every opset has. */
  readonly isConverted: boolean;
  /** Cross-layer equalization (Nagel et al. 2019). */
  readonly equalize: Rescaling;
  /** Smoothing behind normalizations (Xiao et al. 2023). */
  readonly smooth: Rescaling;
}

/** The form that a recipe needs. */
export function foldedFormOf({ activations, equalize, smooth }: Recipe): FoldedForm {
  return { isConverted: activations.kind !== 'float', equalize, smooth };
}

/** What tells one form from another. */
export const formKey = ({ isConverted, equalize, smooth }: FoldedForm): string =>
  `${isConverted ? 'converted' : 'as it is'}, equalize ${equalize}, smooth ${smooth}`;

/** The form of the default recipe. */
export const defaultForm: FoldedForm = foldedFormOf(defaultRecipe);
