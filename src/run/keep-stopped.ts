import { withCommit } from '../emit/commit.js';
import { serializePlan } from '../emit/plan-file.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import type { Plan } from '../quantize/plan.js';

/** A plan that is being refined, and where it is to be saved. */
export interface Stoppable {
  /** The folded float model, and its file. */
  readonly model: Model;
  readonly path: string;
  readonly savePlan: string | undefined;
  /** What was found where refinement was stopped. */
  readonly found: () => Plan | undefined;
}

/**
 * Await a plan. Where its refinement is stopped and plans are to be saved, what was found by then is.
 *
 * @throws QuantizeError `interrupted-kept`, which says where it is
 */
export async function keepingStopped<T>(
  making: Promise<T>,
  { model, path, savePlan, found }: Stoppable,
): Promise<T> {
  try {
    return await making;
  } catch (thrown) {
    const plan = found();
    const isStop = thrown instanceof QuantizeError && thrown.code === 'interrupted';
    if (!isStop || savePlan === undefined || plan === undefined) throw thrown;
    await withCommit((files) => files.write(savePlan, serializePlan(model, plan)));
    throw new QuantizeError('interrupted-kept', { path, plan: savePlan }, { cause: thrown.cause });
  }
}
