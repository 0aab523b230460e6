/** What a limit can be written in, and how a value of it is shown. */
export interface Unit {
  /** For messages: what the limit of such a metric is written in. */
  readonly written: string;
  /** A limit of such a metric, as an example. */
  readonly example: string;
  /** What stands behind the number, in lower case: its power of ten, or for binary units its factor. */
  readonly suffixes: Readonly<Record<string, Suffix>>;
  /** The value in parts: a number in the unit that it is shown in, and what stands behind it. */
  scaled(value: number): Scaled;
  /** What an infinite value is called. */
  readonly infinite: string;
}

export type Suffix = { readonly exponent: number } | { readonly factor: number };

interface Scaled {
  readonly number: number;
  /** Digits behind the point that people want to see. */
  readonly digits: number;
  readonly suffix: string;
}

const percent: Suffix = { exponent: -2 };
const one: Suffix = { exponent: 0 };

/** A part of a whole, such as an accuracy: 0.005 is written 0.5 %. A number alone could be either, and is refused. */
export const share: Unit = {
  written: 'in %',
  example: '0.5%',
  suffixes: { '%': percent },
  scaled: (value) => ({ number: 100 * value, digits: 2, suffix: ' %' }),
  infinite: '∞',
};

export const decibel: Unit = {
  written: 'in dB',
  example: '30dB',
  suffixes: { '': one, db: one },
  scaled: (value) => ({ number: value, digits: 1, suffix: ' dB' }),
  infinite: 'identical',
};

/** A size, in decimal units (KB = 1000) or binary ones (KiB = 1024). */
export const bytes: Unit = {
  written: 'in B, KB, MB, GB, KiB, MiB or GiB',
  example: '300KB',
  suffixes: {
    b: one,
    kb: { exponent: 3 },
    mb: { exponent: 6 },
    gb: { exponent: 9 },
    kib: { factor: 2 ** 10 },
    mib: { factor: 2 ** 20 },
    gib: { factor: 2 ** 30 },
  },
  scaled(value) {
    const magnitude = Math.abs(value);
    if (magnitude < 1000) return { number: value, digits: 0, suffix: ' B' };
    const [exponent, suffix] = magnitude < 1e6 ? [3, ' kB'] : magnitude < 1e9 ? [6, ' MB'] : [9, ' GB'];
    // Three digits in all, as file managers show.
    const number = value / 10 ** exponent;
    return { number, digits: Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number)))), suffix };
  },
  infinite: '∞',
};

/** So many times as much. */
export const times: Unit = {
  written: 'as a factor (x) or in %',
  example: '1.5x',
  suffixes: { '': one, x: one, '×': one, '%': percent },
  scaled: (value) => ({ number: value, digits: 2, suffix: '×' }),
  infinite: '∞',
};

/** A number without a unit. */
export const plain: Unit = {
  written: 'as a number',
  example: '0.99',
  suffixes: { '': one },
  scaled: scaledPlain,
  infinite: '∞',
};

/** A number that may be a share: what a user's own metric gives. */
export const open: Unit = { ...plain, written: 'as a number or in %', suffixes: { '': one, '%': percent } };

/** Four digits that count: 0.9987, 12.34, 0.0001234. */
function scaledPlain(value: number): Scaled {
  const magnitude = value === 0 || !Number.isFinite(value) ? 0 : Math.floor(Math.log10(Math.abs(value)));
  return { number: value, digits: Math.min(20, Math.max(0, 3 - magnitude)), suffix: '' };
}

/** The number that a limit says: exactly the double that is nearest to the decimal written. */
export function scaleLimit(text: string, suffix: Suffix): number {
  if ('factor' in suffix) return Number(text) * suffix.factor;
  // "0.7" / 100 is not always the double nearest to 0.007; the decimal with its point moved is.
  const [digits = '', exponent = '0'] = text.toLowerCase().split('e');
  return Number(`${digits}e${Number(exponent) + suffix.exponent}`);
}

/**
 * A value for people: `0.28 %`, `31.4 dB`, `82.4 kB`, `1.81×`.
 *
 * @param more - digits beyond those that people want to see
 */
export function showValue(unit: Unit, value: number, more = 0): string {
  if (!Number.isFinite(value)) return value < 0 ? `−${unit.infinite}` : unit.infinite;
  const { number, digits, suffix } = unit.scaled(value);
  // Toward zero there is no sign: −0.00 is 0.00.
  const text = Math.abs(number).toFixed(Math.min(20, digits + more));
  return `${number < 0 && Number(text) !== 0 ? '−' : ''}${text}${suffix}`;
}

/** The difference of two values for people, with its sign; shares differ by points. */
export function showChange(unit: Unit, change: number): string {
  const text = showValue(unit, change)
    .replace(/ %$/, ' points')
    .replace(/^identical$/, '∞');
  const isSigned = text.startsWith('−');
  return isSigned ? text : `+${text}`;
}

/**
 * The difference of two readings; two infinite ones do not differ.
 *
 * @returns after − before
 */
export function changeOf(before: number, after: number): number {
  return before === after ? 0 : after - before;
}
