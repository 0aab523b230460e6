import { QuantizeError, reasonOf } from '../errors.js';
import { readWhole } from '../files/open.js';
import { isRecord } from '../validate/is-record.js';
import { type Basis, SWEEP_VERSION, type SweepRecord, type SweepResult } from './record.js';

/** A record as the text of a sweep file. */
export const serializeSweep = (record: SweepRecord): string => `${JSON.stringify(record, null, 2)}\n`;

/** What each part of the basis is, for a message. */
const parts: readonly (readonly [part: keyof Basis, what: string])[] = [
  ['model', 'model'],
  ['samples', 'set of samples'],
  ['environment', 'version, runtime or machine'],
];

/**
 * A record as it was written.
 *
 * @throws QuantizeError for a file that is no sweep file
 */
export async function readSweep(path: string): Promise<SweepRecord> {
  const record = parseSweep(path, new TextDecoder().decode(await readWhole(path)));
  const { part, missing } = record;
  const isWhole =
    Number.isInteger(missing) &&
    (part === undefined ||
      (isRecord(part) &&
        isRecord(part.shard) &&
        isShard(part.shard) &&
        Array.isArray(part.combinations) &&
        part.combinations.every((name) => typeof name === 'string')));
  if (isWhole) return record;
  throw new QuantizeError('sweep-format', { path, version: SWEEP_VERSION, reason: 'its shard is damaged' });
}

const isShard = ({ index, count }: { index: number; count: number }): boolean =>
  Number.isSafeInteger(index) && Number.isSafeInteger(count) && index >= 1 && index <= count;

/**
 * The finished combinations of an earlier run.
 *
 * @param path - the sweep file; where there is none, nothing is finished
 * @throws QuantizeError for a file that is no sweep file, or that of other things: it stays as it is
 */
export async function readFinished(path: string, basis: Basis): Promise<SweepResult[]> {
  let text: string;
  try {
    text = new TextDecoder().decode(await readWhole(path));
  } catch (thrown) {
    if (thrown instanceof QuantizeError && thrown.code === 'file-missing') return [];
    throw thrown;
  }
  const { basis: found, results, others } = parseSweep(path, text);
  const other = parts.find(([part]) => found[part] !== basis[part]);
  if (other) throw new QuantizeError('sweep-other', { path, what: other[1] });
  return [...results, ...others];
}

function parseSweep(path: string, text: string): SweepRecord {
  const bad = (reason: string) => new QuantizeError('sweep-format', { path, version: SWEEP_VERSION, reason });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw bad(reasonOf(thrown));
  }
  if (!isRecord(parsed)) throw bad('it holds no object');
  const { schemaVersion, basis: found, results, others } = parsed as Partial<SweepRecord>;
  if (schemaVersion !== SWEEP_VERSION) {
    throw bad(schemaVersion === undefined ? 'it has no version' : `its version is ${String(schemaVersion)}`);
  }
  if (!isRecord(found)) throw bad('it does not say what it is of');
  if (!Array.isArray(results) || !Array.isArray(others)) throw bad('it has no results');
  const all: unknown[] = [...results, ...others];
  if (!all.every(isResult)) throw bad('one of its results is damaged');
  return parsed as unknown as SweepRecord;
}

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isNumberOrNull = (value: unknown): boolean => value === null || isNumber(value);

function isResult(value: unknown): value is SweepResult {
  if (!isRecord(value)) return false;
  const { name, recipe, sizeBytes, sha256, outputs, task, speed } = value as Partial<SweepResult>;
  return (
    typeof name === 'string' &&
    isRecord(recipe) &&
    isNumber(sizeBytes) &&
    typeof sha256 === 'string' &&
    Array.isArray(outputs) &&
    outputs.every(
      (output: unknown) =>
        isRecord(output) &&
        ['sqnrDb', 'cosine', 'topOneAgreement'].every((key) => isNumberOrNull((output as never)[key])),
    ) &&
    isNumbers(task, ['samples', 'float', 'quantized']) &&
    isNumbers(speed, ['floatMs', 'quantizedMs', 'ratio', 'threads'])
  );
}

/** Null, or an object with numbers under these keys. */
const isNumbers = (value: unknown, keys: readonly string[]): boolean =>
  value === null || (isRecord(value) && keys.every((key) => isNumber((value as never)[key])));
