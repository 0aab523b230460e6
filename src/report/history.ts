import { appendFile } from 'node:fs/promises';
import * as z from 'zod';
import { QuantizeError, reasonOf } from '../errors.js';
import { worstDb } from '../evaluate/drift.js';
import { worstOutput } from '../evaluate/worst-output.js';
import { readWhole } from '../files/open.js';
import type { HistoryPoint, SetPoint } from './history-point.js';
import type { Result } from './result.js';

const number = z.number().nullable();

/** A line of a history: what one run measured. */
const setSchema = z.looseObject({ top1: number, agreement: number, sqnrDb: number });

const pointSchema = z.looseObject({
  at: z.string(),
  model: z.string(),
  quantized: z.string(),
  sizeBytes: z.number(),
  top1: number,
  agreement: number,
  sqnrDb: number,
  speedup: number,
  sets: z.record(z.string(), setSchema).optional(),
});

/** Runs that a report looks back on. */
const MOST_SHOWN = 50;

/** What a run measured, as a point of its history. */
export function pointOf(result: Result): HistoryPoint {
  const { float, quantized, sets, timing } = result;
  return {
    at: timing.at,
    model: float.name,
    quantized: quantized.name,
    sizeBytes: quantized.sizeBytes,
    ...measuredOnSet(result),
    speedup: timing.speed?.ratio ?? null,
    ...(sets.length > 1 && { sets: Object.fromEntries(sets.map((set) => [set.name, measuredOnSet(set)])) }),
  };
}

function measuredOnSet({ task, outputs }: Pick<Result, 'task' | 'outputs'>): SetPoint {
  const worst = worstOutput(outputs);
  return {
    top1: task?.quantized ?? null,
    agreement: worst?.deployed.topOneAgreement ?? null,
    sqnrDb: worst ? worstDb(worst.deployed) : null,
  };
}

/**
 * All runs of a history: a JSON object a line, the oldest first. A file that is not there is an empty one.
 *
 * @throws QuantizeError `bad-value` for a line that is none
 */
export async function readHistory(path: string): Promise<HistoryPoint[]> {
  const text = await readWhole(path).catch((thrown: unknown) => {
    if (thrown instanceof QuantizeError && thrown.code === 'file-missing') return undefined;
    throw thrown;
  });
  if (!text) return [];
  return new TextDecoder()
    .decode(text)
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [pointAt(path, line, i + 1)]));
}

function pointAt(path: string, line: string, place: number): HistoryPoint {
  const bad = (reason: string) =>
    new QuantizeError('bad-value', {
      where: `${path}: line ${place}`,
      problem: `is no run of a history: ${reason}`,
      mend: 'Name another file with --history, or take the line out.',
    });
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch (thrown) {
    throw bad(reasonOf(thrown));
  }
  const checked = pointSchema.safeParse(content);
  const [issue] = checked.error?.issues ?? [];
  if (issue) throw bad(`${issue.path.join('.') || 'it'} is missing or of another type`);
  return checked.data as HistoryPoint;
}

/** The earlier runs of the same models, the newest of them. */
export const earlierRuns = (all: readonly HistoryPoint[], { float, quantized }: Result): HistoryPoint[] =>
  all.filter((point) => point.model === float.name && point.quantized === quantized.name).slice(-MOST_SHOWN);

/**
 * Add a run to a history, as one line.
 *
 * @throws QuantizeError `file-unwritable`
 */
export async function appendHistory(path: string, result: Result): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(pointOf(result))}\n`);
  } catch (thrown) {
    throw new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
