import { type Drift, worstDb } from '../evaluate/drift.js';
import { worstOutput } from '../evaluate/worst-output.js';
import { onSet } from '../gate/read-on.js';
import { formatPercent, formatShort, formatSigned, formatWorst } from './format.js';
import type { Result, SetRecord } from './result.js';

/** The set that a result is worst on: by the accuracy that is lost where all have labels, else by the worst output. */
function worstSet(sets: readonly SetRecord[]): SetRecord | undefined {
  const isGraded = sets.every(({ task }) => task);
  const lossOf = ({ task, outputs }: SetRecord): number => {
    if (isGraded && task) return task.float - task.quantized;
    const worst = worstOutput(outputs)?.deployed;
    return worst ? lossOfDrift(worst) : Number.NEGATIVE_INFINITY;
  };
  return sets.reduce<SetRecord | undefined>(
    (worst, set) => (worst && lossOf(set) <= lossOf(worst) ? worst : set),
    undefined,
  );
}

/** More is worse; what could not be compared is the worst there is. */
function lossOfDrift(drift: Drift): number {
  if (drift.nonFiniteMismatches > 0 || drift.shapeMismatches > 0) return Number.POSITIVE_INFINITY;
  return -(worstDb(drift) ?? Number.POSITIVE_INFINITY);
}

/** The result as it is on the set that it is worst on; the result itself where there is one set alone. */
export function onWorstSet(result: Result): Result {
  const { sets, evaluation } = result;
  const worst = sets.length > 1 ? worstSet(sets) : undefined;
  if (!worst) return result;
  const { label, samples, preprocess } = worst;
  return {
    ...onSet(result, worst),
    evaluation: { ...evaluation, label, samples, preprocess },
    sets: [worst],
  };
}

/** The name of the set that a result tells of; undefined where there is one without a name. */
export const setNameOf = ({ sets: [first] }: Pick<Result, 'sets'>): string | undefined => first?.name;

/** All sets side by side, for people: a row each, the worst marked. Text in it is not escaped yet. */
export interface SetTable {
  readonly heads: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly isWorst: boolean;
    readonly cells: readonly string[];
  }[];
}

/** Undefined where there is one set alone. */
export function setTable(result: Result): SetTable | undefined {
  const { sets } = result;
  if (sets.length < 2) return undefined;
  const worst = worstSet(sets);
  const found = new Set(sets.flatMap((set) => Object.keys(numbersOf(set))));
  const columns = [...new Set([...ORDER.filter((column) => found.has(column)), ...found])];
  return {
    heads: ['samples', ...columns],
    rows: sets.map((set) => {
      const numbers = numbersOf(set);
      return {
        name: set.name,
        isWorst: set === worst,
        cells: [set.samples.toLocaleString('en-US'), ...columns.map((column) => numbers[column] ?? '–')],
      };
    }),
  };
}

/** The order of the columns, whichever set has them; metrics come behind. */
const ORDER = ['top-1 float', 'top-1', 'points', 'SQNR', 'same top-1'];

/** What was measured on a set, by the heads of its columns. */
function numbersOf({ task, outputs, metrics }: SetRecord): Record<string, string> {
  const worst = worstOutput(outputs)?.deployed;
  const agreement = worst?.topOneAgreement ?? null;
  return {
    ...(task && {
      'top-1 float': formatPercent(task.float),
      'top-1': formatPercent(task.quantized),
      points: formatSigned(100 * (task.quantized - task.float), 2),
    }),
    ...(worst && { SQNR: formatWorst(worst) }),
    ...(agreement !== null && { 'same top-1': formatPercent(agreement) }),
    ...Object.fromEntries(
      metrics.map(({ name, quantized }) => [name, quantized === null ? '–' : formatShort(quantized, 4)]),
    ),
  };
}
