/** A number within text: what differs from machine to machine by a last digit. */
const NUMBER = /[−-]?\d[\d,]*(?:\.\d+)?/g;

/** What is left of a text when all that depends on the speed of the machine is taken out. */
function withoutSpeed(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !/^(warning: The quantized model is slower| *float is with folding alone)/.test(line))
    .map((line) =>
      /^one run\b/.test(line)
        ? 'one run'
        : line
            .replace(/ · (slower than float|\d\S* as fast).*$/, '')
            // The star of a sweep's front, which last digits decide.
            .replace(/^\* /, '')
            .replace(/\s+/g, ' ')
            .trim(),
    );
}

/** A tenth, and beyond it what a rounded figure can be off: these samples are few, and processors differ in last digits. */
const near = (a: number, b: number): boolean =>
  Math.abs(a - b) <= 0.1 * Math.max(Math.abs(a), Math.abs(b)) + 0.6;

const numbersIn = (line: string): number[] =>
  [...line.matchAll(NUMBER)].map(([text]) => Number(text.replaceAll(',', '').replace('−', '-')));

function sameLine(shown: string, printed: string): boolean {
  if (shown.replaceAll(NUMBER, '#') !== printed.replaceAll(NUMBER, '#')) return false;
  const other = numbersIn(printed);
  return numbersIn(shown).every((value, i) => near(value, other[i] ?? Number.NaN));
}

/**
 * Whether a command prints what a document shows: every line of it in its order, `…` for any lines; words as they are,
 * numbers nearly, times not at all.
 *
 * @returns the first line of the document that is not there, or undefined
 */
export function missingLine(shown: string, printed: string): string | undefined {
  const lines = withoutSpeed(printed);
  let [at, anywhere] = [0, false];
  for (const line of withoutSpeed(shown)) {
    if (line === '…') {
      anywhere = true;
      continue;
    }
    const found = lines.findIndex((other, i) => i >= at && sameLine(line, other));
    if (found < 0 || (!anywhere && found > at)) return `${line}\n  not: ${lines[at] ?? '(the end)'}`;
    [at, anywhere] = [found + 1, false];
  }
  return anywhere || lines.slice(at).every((line) => line === '')
    ? undefined
    : `nothing more, not: ${lines[at]}`;
}
