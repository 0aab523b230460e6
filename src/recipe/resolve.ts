import { createHash } from 'node:crypto';
import { QuantizeError } from '../errors.js';
import { blockBitsOf, type Recipe } from './kinds.js';
import { MAX_BITS } from './layer-settings.js';
import { AUTO, NONE } from './refine.js';
import type { Named, Registries } from './registries.js';
import { actBitsOf, checkRecipe, completeRecipe, defaultRecipe, type GivenRecipe } from './schema.js';
import { schemeOf } from './scheme-by-width.js';
import { settings } from './settings.js';

/** Schemes that fill blocks. */
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
  const recipe = forTarget(withoutSamples(wanted, registries, hasData), registries);
  checkWidths(wanted, registries);
  checkLevels(wanted, recipe, registries);
  checkRules(wanted);
  checkBlocks(recipe);
  checkOperators(recipe);
  checkEffort(recipe);
  return recipe;
}

/** What a target asks of a recipe: weights that are not packed, activations of 8 bits. */
function forTarget(recipe: Recipe, { targets }: Registries): Recipe {
  const { form } = named(targets, recipe.target);
  const flag = `--target ${recipe.target}`;
  const { activations, rules } = recipe;
  if (form.activations !== 'uint8' && activations.kind === 'static') {
    const widths = [
      activations.bits,
      ...rules.flatMap(({ actBits }) => (typeof actBits === 'number' ? actBits : [])),
    ];
    if (widths.some((bits) => bits !== MAX_BITS) || activations.exactOffset)
      throw new QuantizeError('bad-option', {
        ...{ flag, problem: 'has activations of 8 bits alone' },
        mend: 'Leave out --act-bits, or give another target.',
      });
  }
  if (form.weights === 'packed') return recipe;
  if (blockBitsOf(recipe.format) || recipe.format === 'qoperator')
    throw new QuantizeError('bad-option', {
      ...{ flag, problem: "does not take onnxruntime's own operators" },
      mend: `Leave out --format ${recipe.format}.`,
    });
  if (activations.kind !== 'static')
    throw new QuantizeError('bad-option', {
      ...{ flag, problem: 'needs fixed ranges' },
      mend: 'Give samples with --data, without --dynamic and --act-bits float.',
    });
  return { ...recipe, format: 'qdq-int8' };
}

/** Without samples activations stay in float, unless their ranges come from elsewhere. */
function withoutSamples(recipe: Recipe, { rangeSources }: Registries, hasData: boolean): Recipe {
  const { activations } = recipe;
  if (hasData || activations.kind !== 'static') return recipe;
  const { from } = named(rangeSources, activations.observer);
  return from === 'batch-norm' ? recipe : { ...recipe, activations: { kind: 'float' } };
}

/** Each scheme stores only some widths; below 8 bits the first and last layers have 8 where nothing else is said. */
function checkWidths({ scheme, bits, allLayers, rules }: Recipe, { schemes }: Registries): void {
  const general = { pattern: undefined, scheme, bits };
  const asked = [
    general,
    ...(allLayers ? [] : [{ ...general, bits: MAX_BITS }]),
    ...rules.map((rule) => ({ ...general, ...rule })),
  ];
  for (const { pattern, scheme: name, bits: width } of asked) {
    const { least, most } = named(schemes, name).widths;
    if (width >= least && width <= most) continue;
    const flag = pattern === undefined ? `--scheme ${name}` : `--rule "${pattern}"`;
    const problem = `cannot store ${width} bits with ${name}, which takes ${least} to ${most}`;
    const mend =
      pattern === undefined && width !== bits
        ? 'Add --all-layers, since the first and last layers stay at 8 bits without it.'
        : 'Choose another scheme, or another width with --bits.';
    throw new QuantizeError('bad-option', { flag, problem, mend });
  }
}

/** What is for activations below 8 bits must have something to do. */
function checkLevels({ activations, rules }: Recipe, found: Recipe, { rangeSources }: Registries): void {
  if (activations.kind !== 'static') return;
  const { bits, levels, observer, exactOffset } = activations;
  const usesLevels = levels !== settings.activations.levels.usual;
  const isNarrow = [bits, ...rules.map(({ actBits }) => actBits)].some(
    (width) => typeof width === 'number' && width < MAX_BITS,
  );
  const isFloat = found.activations.kind === 'float';
  if ((usesLevels || exactOffset) && (isFloat || !isNarrow)) {
    const problem = `${usesLevels ? `${levels} ` : ''}is for activations below ${MAX_BITS} bits`;
    const mend = isFloat
      ? 'Give samples with --data and a width with --act-bits.'
      : 'Give a width from 2 to 7 with --act-bits.';
    const { flag } = usesLevels ? settings.activations.levels : settings.activations.exactOffset;
    throw new QuantizeError('bad-option', { flag: flag.name, problem, mend });
  }
  if (!exactOffset || named(rangeSources, observer).observer.offsetFit) return;
  const problem = `has no use with --observer ${observer}, which has no real offset`;
  throw new QuantizeError('bad-option', {
    flag: settings.activations.exactOffset.flag.name,
    problem,
    mend: 'Choose --observer lsqplus, or leave it out.',
  });
}

/** A rule cannot give a width to activations that have none. */
function checkRules({ activations, rules }: Recipe): void {
  if (activations.kind === 'static') return;
  const own = actBitsOf({ activations });
  const useless = rules.find(
    ({ actBits }) => actBits !== undefined && actBits !== 'float' && actBits !== own,
  );
  if (!useless) return;
  const problem =
    activations.kind === 'float'
      ? 'has no use where activations stay in float'
      : 'has no use where ranges are found at every run';
  const mend = 'Leave it out, or give samples with --data and a width with --act-bits.';
  throw new QuantizeError('bad-option', { flag: `--rule "${useless.pattern}": act-bits`, problem, mend });
}

/** A list of refiners says itself how long it takes. */
function checkEffort({ refine, effort }: Recipe): void {
  if (refine === AUTO || effort === settings.effort.usual) return;
  const problem = 'has no use beside --refine, which names what runs';
  throw new QuantizeError('bad-option', { flag: '--effort', problem, mend: 'Leave out one of the two.' });
}

/** Integer operators have fixed ranges, and uint8 is of those that find theirs at every run. */
function checkOperators({ format, activations }: Recipe): void {
  if (format === 'uint8' && activations.kind !== 'dynamic')
    throw new QuantizeError('bad-option', {
      flag: '--format uint8',
      problem: 'is of --dynamic',
      mend: 'Add that, or leave this out: weights of fixed ranges are int8.',
    });
  if (format !== 'qoperator' || activations.kind === 'static') return;
  throw new QuantizeError('bad-option', {
    flag: '--format qoperator',
    problem: 'needs activations of fixed ranges',
    mend: 'Give samples with --data, without --dynamic and --act-bits float.',
  });
}

/** Blocks store weights under float arithmetic, and their settings are for nothing else. */
function checkBlocks({ format, blocks, scheme, bits, activations, refine }: Recipe): void {
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  const { size, asymmetric, accuracyLevel } = blocks;
  const isNormal = format === 'matmulbnb4';
  const { blocks: unset } = defaultRecipe;
  const widths = blockBitsOf(format);
  const useless: readonly (readonly [flag: string, isSet: boolean, of: string])[] = [
    ['--block', !widths && size !== unset.size, IN_BLOCKS],
    [
      '--block-asymmetric',
      (!widths || isNormal) && asymmetric !== unset.asymmetric,
      '--format matmulnbits or qdq-blocks',
    ],
    [
      '--accuracy-level',
      format !== 'matmulnbits' && accuracyLevel !== unset.accuracyLevel,
      '--format matmulnbits',
    ],
  ];
  for (const [flag, isSet, of] of useless)
    if (isSet) throw refuse(flag, `is of ${of}`, 'Add that, or leave this out.');
  if (!widths) return;
  const flag = `--format ${format}`;
  if (activations.kind !== 'float') {
    const mend = 'Add --act-bits float, or choose another format for integer activations.';
    throw refuse(flag, 'stores weights alone, for float arithmetic', mend);
  }
  if (!widths.includes(bits))
    throw refuse(flag, `holds no weights of ${bits} bits`, `Give --bits ${widths.join(' or --bits ')}.`);
  if (isNormal && refine !== AUTO && refine !== NONE)
    throw refuse(flag, 'has levels that no refiner chooses among', 'Leave out --refine.');
  const own = schemeOf(scheme, bits, format);
  if (isNormal && own !== 'minmax')
    throw refuse(flag, `has levels of its own, not those of ${own}`, 'Leave out --scheme.');
  if (!blockSchemes.includes(own)) {
    const mend = `Give --scheme ${blockSchemes.join(' or --scheme ')}, or --format packed.`;
    throw refuse(
      flag,
      `holds uniform codes, each block with a scale of its own, not those of ${scheme}`,
      mend,
    );
  }
}

const IN_BLOCKS = '--format matmulnbits, matmulbnb4 or qdq-blocks';

/**
 * The recipe in a file name: `minmax-w8a8`, `log-w4` for weights only, `minmax-w4-b32` in blocks of 32, `minmax-w4-qdq-b32` where DequantizeLinear has them, `minmax-w8-dynamic`,
 * `minmax-w4a4-log`, and `w4a8` where the width chose a codebook; behind it what else is not as by default,
 * `minmax-w8a8-tensor-ema`, rules and other settings by a short hash, so that no recipe writes over the file of another.
 */
export function recipeName(recipe: Recipe): string {
  const { granularity, activations } = recipe;
  const observer = activations.kind === 'static' ? activations.observer : settings.activations.observer.usual;
  const marks = [
    ...(granularity === settings.granularity.usual ? [] : [granularity]),
    ...(observer === settings.activations.observer.usual ? [] : [observer]),
    ...(recipe.refine === AUTO || !isShort(recipe.refine) ? [] : [recipe.refine.replaceAll(',', '-')]),
    ...(recipe.effort === settings.effort.usual ? [] : [recipe.effort]),
    ...hashOfRest(recipe),
  ];
  return [widthsName(recipe), ...marks].join('-');
}

/** Names of refiners alone, which a file name can hold. */
const isShort = (refine: string): boolean => /^[a-z,-]+$/.test(refine);

/** Hexadecimal digits that tell recipes apart: one pair in 16 million has the same. */
const HASH_DIGITS = 6;

/** A short hash of everything that a name does not say, where that is not as by default: rules, exceptions, settings. */
function hashOfRest(recipe: Recipe): string[] {
  const { scheme, bits, granularity, format, blocks, activations, effort } = defaultRecipe;
  const rest = {
    ...{ ...recipe, bits, granularity, format, effort },
    refine: isShort(recipe.refine) ? AUTO : recipe.refine,
    // Rules leave the scheme to the recipe.
    scheme: recipe.rules.length > 0 ? recipe.scheme : scheme,
    blocks: { ...recipe.blocks, size: blocks.size },
    activations:
      recipe.activations.kind === 'static' && activations.kind === 'static'
        ? {
            ...recipe.activations,
            ...{ bits: activations.bits, levels: activations.levels, observer: activations.observer },
          }
        : activations,
  };
  const text = JSON.stringify(rest);
  if (text === JSON.stringify(defaultRecipe)) return [];
  return [createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS)];
}

function widthsName({ scheme, bits, activations, format, blocks }: Recipe): string {
  const own = schemeOf(scheme, bits, format);
  // A codebook that the width chose beside equal steps at the ends is not what naming it makes.
  const weights = scheme === AUTO && own !== 'minmax' ? `w${bits}` : `${own}-w${bits}`;
  if (activations.kind === 'dynamic') return `${weights}-dynamic${format === 'uint8' ? '-u8' : ''}`;
  if (format === 'matmulbnb4') return `bnb4-b${blocks.size}`;
  if (blockBitsOf(format)) return `${weights}${format === 'qdq-blocks' ? '-qdq' : ''}-b${blocks.size}`;
  if (activations.kind === 'float') return weights;
  const { bits: width, levels } = activations;
  return `${weights}a${width}${levels === settings.activations.levels.usual ? '' : `-${levels}`}`;
}

/** Whether a recipe says how ranges are chosen, be it what is usual. */
export const saysObserver = ({ activations }: GivenRecipe = {}): boolean =>
  activations !== undefined && 'observer' in activations && activations.observer !== undefined;
