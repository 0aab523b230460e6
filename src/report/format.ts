import { type Drift, worstDb } from '../evaluate/drift.js';

/** A size in bytes, in the decimal units that file managers use. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** A time in milliseconds. */
export function formatMs(ms: number): string {
  return ms >= 100 ? `${ms.toFixed(0)} ms` : `${ms.toPrecision(3)} ms`;
}

/** A share as a percentage with two decimals. */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** A number's text with the minus sign of typography; what is rounded to zero has none. */
const withMinus = (text: string): string =>
  Number(text) === 0 ? text.replace('-', '') : text.replaceAll('-', '−');

/** A number with so many decimals. */
export const formatFixed = (value: number, digits: number): string => withMinus(value.toFixed(digits));

/** A number with so many significant digits. */
export const formatPrecise = (value: number, digits: number): string => withMinus(value.toPrecision(digits));

/** A number as short as it can be, to so many significant digits. */
export const formatShort = (value: number, digits: number): string =>
  withMinus(String(Number(value.toPrecision(digits))));

/** A cosine in five decimals; none where a side is all zero. */
export const formatCosine = (cosine: number | null): string =>
  cosine === null ? '–' : formatFixed(cosine, 5);

/** A signal-to-noise ratio; null is no noise at all. */
export function formatDb(db: number | null): string {
  return db === null ? 'identical' : `${formatFixed(db, 1)} dB`;
}

/** The SQNR of a drift; where nothing of it could be compared, why. */
export function formatSqnr(drift: Pick<Drift, 'sqnrDb' | 'nonFiniteMismatches' | 'shapeMismatches'>): string {
  if (drift.sqnrDb !== null) return formatDb(drift.sqnrDb);
  if (drift.shapeMismatches > 0) return 'other shape';
  return drift.nonFiniteMismatches > 0 ? 'not finite' : formatDb(null);
}

/** The same of an output, by its worst group of channels where it is judged by groups. */
export const formatWorst = (drift: Drift): string => formatSqnr({ ...drift, sqnrDb: worstDb(drift) });

/** What a row of a table says of a drift: SQNR, cosine, largest error, same top-1. */
export const driftCells = (drift: Drift): string[] => [
  formatSqnr(drift),
  formatCosine(drift.cosine),
  drift.maxAbsError.toPrecision(3),
  drift.topOneAgreement === null ? '–' : formatPercent(drift.topOneAgreement),
];

/** The same, and on how many samples. */
export const driftRow = (drift: Drift): string[] => [
  ...driftCells(drift),
  drift.samples.toLocaleString('en-US'),
];

/** A number with its sign, for differences. */
export function formatSigned(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 ? '−' : '+'}${text}`;
}

/** Rows with their columns aligned: the first to the left, the others as told. */
export function alignColumns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** What something adds to a file, with its sign. */
export const formatCost = (bytes: number): string =>
  `${bytes < 0 ? '−' : '+'}${formatBytes(Math.abs(bytes))}`;

/** When something was, of an ISO time: day and minute. */
export const formatDate = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
