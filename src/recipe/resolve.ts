import { QuantizeError } from '../errors.js';
import { MAX_BITS } from './layer-settings.js';
import { checkRecipe, completeRecipe, defaultRecipe, type GivenRecipe } from './schema.js';
import type { Named, Registries } from './setting.js';
import type { Recipe } from './settings.js';

/** Widths that MatMulNBits takes, and schemes that fill its blocks. */
export const blockBits: readonly number[] = [4, 8];
export const blockSchemes: readonly string[] = ['minmax', 'mse'];

/** The entry of a registry that has this name; it was checked when the recipe was resolved. */
export function named<T extends Named>(registry: readonly T[], name: string): T {
  const found = registry.find((entry) => entry.name === name);
  if (!found) throw new Error(`nothing is named ${name}`);
  return found;
}

/**
 * A whole recipe from what the user gave.
 *
 * @param hasData - without samples activations stay in float
 * @throws QuantizeError `bad-value` for a key, a type, a name or a width that cannot be; `bad-option` for settings that do
 *   not go together
 */
export function resolveRecipe(
  given: GivenRecipe | undefined,
  registries: Registries,
  hasData: boolean,
): Recipe {
  const wanted = completeRecipe(checkRecipe(given ?? {}, registries));
  const observer = named(registries.observers, wanted.observer);
  const needsData = observer.from !== 'batch-norm';
  const recipe: Recipe = hasData || wanted.dynamic || !needsData ? wanted : { ...wanted, actBits: 'float' };
  if (recipe.dynamic && recipe.actBits !== MAX_BITS) {
    const mend = 'Leave out --act-bits, or give samples with --data instead of --dynamic.';
    throw new QuantizeError('bad-option', {
      flag: '--dynamic',
      problem: `quantizes activations to ${MAX_BITS} bits`,
      mend,
    });
  }
  checkActScheme(recipe);
  checkExactOffset(recipe, observer);
  checkBlocks(recipe);
  return recipe;
}

/** A non-uniform scheme must have something to do: activations of fewer bits than the grid has. */
function checkActScheme(recipe: Recipe): void {
  const { actScheme } = recipe;
  if (actScheme !== defaultRecipe.actScheme)
    checkNarrow(recipe, '--act-scheme', `${actScheme} is for activations below ${MAX_BITS} bits`);
}

function checkExactOffset(recipe: Recipe, { name, offsetFit }: Registries['observers'][number]): void {
  if (!recipe.exactOffset) return;
  checkNarrow(recipe, '--exact-offset', `is for activations below ${MAX_BITS} bits`);
  if (offsetFit) return;
  const problem = `has no use with --observer ${name}, which has no real offset`;
  throw new QuantizeError('bad-option', {
    flag: '--exact-offset',
    problem,
    mend: 'Choose --observer lsqplus, or leave it out.',
  });
}

/** @throws QuantizeError where no activation is narrower than 8 bits */
function checkNarrow({ actBits, rules }: Recipe, flag: string, problem: string): void {
  const isNarrow = (bits: number | 'float' | undefined) => typeof bits === 'number' && bits < MAX_BITS;
  if (actBits !== 'float' && [actBits, ...rules.map((rule) => rule.actBits)].some(isNarrow)) return;
  const mend =
    actBits === 'float'
      ? 'Give samples with --data and a width with --act-bits.'
      : 'Give a width from 2 to 7 with --act-bits.';
  throw new QuantizeError('bad-option', { flag, problem, mend });
}

/** MatMulNBits stores weights under float arithmetic, and its settings are for nothing else. */
function checkBlocks({ format, blocks, scheme, bits, actBits, dynamic }: Recipe): void {
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  const { size, asymmetric, accuracyLevel } = blocks;
  if (format !== 'matmulnbits') {
    const { blocks: unset } = defaultRecipe;
    const flags: readonly (readonly [flag: string, isSet: boolean])[] = [
      ['--block', size !== unset.size],
      ['--block-asymmetric', asymmetric !== unset.asymmetric],
      ['--accuracy-level', accuracyLevel !== unset.accuracyLevel],
    ];
    const [flag] = flags.find(([, isSet]) => isSet) ?? [];
    if (flag) throw refuse(flag, 'is of --format matmulnbits', 'Add that, or leave this out.');
    return;
  }
  const flag = '--format matmulnbits';
  if (dynamic || actBits !== 'float') {
    const mend = 'Add --act-bits float, or choose another format for integer activations.';
    throw refuse(flag, 'stores weights alone, for float arithmetic', mend);
  }
  if (!blockBits.includes(bits))
    throw refuse(flag, `holds no weights of ${bits} bits`, `Give --bits ${blockBits.join(' or --bits ')}.`);
  if (!blockSchemes.includes(scheme)) {
    const mend = `Give --scheme ${blockSchemes.join(' or --scheme ')}, or --format packed.`;
    throw refuse(
      flag,
      `holds uniform codes, each block with a scale of its own, not those of ${scheme}`,
      mend,
    );
  }
}

/**
 * The recipe in a file name: `minmax-w4a8`, `minmax-w4` for weights only, `minmax-w4-b32` in blocks of 32,
 * `minmax-w8-dynamic`, `minmax-w4a4-log`.
 */
export function recipeName({ scheme, bits, actBits, actScheme, dynamic, format, blocks }: Recipe): string {
  if (dynamic) return `${scheme}-w${bits}-dynamic`;
  if (format === 'matmulnbits') return `${scheme}-w${bits}-b${blocks.size}`;
  const levels = actScheme === defaultRecipe.actScheme ? '' : `-${actScheme}`;
  return `${scheme}-w${bits}${actBits === 'float' ? '' : `a${actBits}${levels}`}`;
}
