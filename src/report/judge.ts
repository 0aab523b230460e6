import { checkGates as check } from '../gate/check-gates.js';
import { compareBaseline } from '../gate/compare-baseline.js';
import type { Gate } from '../gate/gate.js';
import type { GateOutcome } from '../gate/outcome.js';
import { parseGate } from '../gate/parse-gate.js';
import type { GateOptions, GateSpec } from '../options.js';
import { earlierRuns, readHistory } from './history.js';
import { type Baseline, readBaselines } from './read-baseline.js';
import type { Result } from './result.js';

/** Adds to a result what came of the gates, how it changed against the baseline, and the runs before it. */
export type Judge = (result: Result) => Result;

/**
 * Read the gates and the baseline, before any work is done.
 *
 * @throws QuantizeError `bad-gate` for a malformed gate, `baseline-format` for what is no result record
 */
export async function openJudge({ gates = [], baseline: path, history: past }: GateOptions): Promise<Judge> {
  const parsed = gates.map(parseGate);
  const baselines = path === undefined ? [] : await readBaselines(path);
  const runs = past === undefined ? [] : await readHistory(past);
  return (measured) => {
    const result = { ...measured, history: earlierRuns(runs, measured) };
    const baseline = baselineFor(result, baselines);
    const isMissing = baselines.length > 0 && !baseline;
    const judged = judgedBy(result, parsed, baseline);
    if (!isMissing) return judged;
    const missing = `The baseline ${baselines[0]?.name ?? ''} has no result of ${result.float.name}.`;
    return { ...judged, warnings: [...judged.warnings, missing] };
  };
}

/** Of several results that of the same model: by its content, or by its name; one alone stands for any. */
function baselineFor({ float }: Result, baselines: readonly Baseline[]): Baseline | undefined {
  if (baselines.length === 1) return baselines[0];
  const named = baselines.filter(({ record }) => record.float.name === float.name);
  return named.find(({ record }) => record.float.sha256 === float.sha256) ?? named[0];
}

function judgedBy(result: Result, parsed: readonly Gate[], baseline: Baseline | undefined): Result {
  return {
    ...result,
    gates: check(result, parsed, baseline?.record),
    baseline: baseline ? { name: baseline.name, changes: compareBaseline(result, baseline.record) } : null,
    warnings: [...result.warnings, ...(baseline ? differences(result, baseline) : [])],
  };
}

/**
 * What comes of gates on a result, such as one that was saved.
 *
 * @param baseline - the result that `_change` gates compare with
 * @throws QuantizeError `bad-gate` for a malformed gate
 */
export function checkGates(result: Result, gates: readonly GateSpec[], baseline?: Result): GateOutcome[] {
  return check(result, gates.map(parseGate), baseline);
}

/** What makes a change against the baseline more than one of the recipe. */
function differences(result: Result, { name, record }: Baseline): string[] {
  const { float, evaluation } = record;
  const notes: string[] = [];
  if (float.sha256 !== result.float.sha256) {
    notes.push(`The baseline ${name} is of another float model, ${float.name} with other bytes.`);
  }
  const isOther =
    evaluation.label !== result.evaluation.label ||
    evaluation.samples !== result.evaluation.samples ||
    evaluation.preprocess !== result.evaluation.preprocess;
  if (isOther) {
    const measured = `${evaluation.samples} samples of ${evaluation.label}`;
    notes.push(`The baseline ${name} was measured on other data: ${measured}, ${evaluation.preprocess}.`);
  }
  return notes;
}
