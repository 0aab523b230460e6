import { worstDb } from '../evaluate/drift.js';
import { USER_PREFIX } from '../gate/user-metrics.js';
import type { GateSpec } from '../options.js';
import { sizeRatio } from '../report/facts.js';
import type { Result } from '../report/result.js';

/** Room that a gate leaves to what was measured: other machines and other samples of the same kind differ by less. */
const ROOM = { db: 3, points: 0.5, agreement: 0.02, metric: 0.02, size: 1.05 } as const;

/** Room is left to so many things that a metric counts, as objects found: where there are few, one of them is much. */
const LEAST_THINGS = 2;

/** An output below this says nothing that a gate should hold. */
const LEAST_DB = 6;

/**
 * Gates that the result passes, with room: accuracy where there are labels, else the share of samples that keep their
 * class; what stands first of the task's metric; the SQNR of the worst output; the size.
 *
 * @param things - what the task's metric counts, where it counts few
 */
export function gatesFor(result: Result, things = Number.POSITIVE_INFINITY): GateSpec[] {
  const { outputs, task } = result;
  const gates: GateSpec[] = [];
  if (task) gates.push(`top1_drop<=${dropLimit(task.float - task.quantized)}%`);
  const agreements = outputs.flatMap(({ deployed }) => deployed.topOneAgreement ?? []);
  if (!task && agreements.length > 0) {
    const limit = Math.floor(100 * (Math.min(...agreements) - ROOM.agreement));
    if (limit > 0) gates.push(`agreement>=${limit}%`);
  }
  const [metric] = result.metrics;
  if (metric?.quantized) {
    const room = Math.max(ROOM.metric, LEAST_THINGS / things);
    const limit = Math.floor(100 * (metric.quantized - room)) / 100;
    if (limit > 0) gates.push(`${USER_PREFIX}${metric.name}>=${limit}`);
  }
  const least = Math.min(...outputs.map(({ deployed }) => worstDb(deployed) ?? Number.POSITIVE_INFINITY));
  const limit = Math.floor(least - ROOM.db);
  if (Number.isFinite(limit) && limit >= LEAST_DB) gates.push(`sqnr>=${limit}dB`);
  const ratio = Math.ceil(100 * ROOM.size * sizeRatio(result)) / 100;
  gates.push(`size_ratio<=${ratio.toFixed(2)}`);
  return gates;
}

/** In points, to half a point. */
function dropLimit(drop: number): number {
  return Math.ceil(2 * (Math.max(0, 100 * drop) + ROOM.points)) / 2;
}
