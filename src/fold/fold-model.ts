import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import { faultOf } from './facts.js';
import { defaultForm, type FoldedForm } from './folded-form.js';
import type { Pass } from './pass.js';
import { passes as allPasses } from './passes.js';

/** What one pass did. */
export interface PassReport {
  readonly pass: string;
  readonly summary: string;
  readonly changes: number;
}

/**
 * Run every pass over the model, in place.
 *
 * @returns what each pass changed, in order; passes that changed nothing are left out
 */
export async function foldModel(
  model: Model,
  form: FoldedForm = defaultForm,
  passes: readonly Pass[] = allPasses,
): Promise<PassReport[]> {
  const reports: PassReport[] = [];
  // A file that is broken as it comes is the runtime's to refuse.
  const isSound = faultOf(model) === undefined;
  for (const pass of passes) {
    const changes = await pass.run(model, { evaluate, form });
    const fault = isSound && changes > 0 ? faultOf(model) : undefined;
    if (fault) throw new Error(`after the pass ${pass.name}, ${fault}`);
    if (changes > 0) reports.push({ pass: pass.name, summary: pass.summary, changes });
  }
  return reports;
}

async function evaluate(model: Model, values: readonly string[]): Promise<Map<string, NdArray>> {
  return withModel(model, { mode: 'disabled', label: 'the constant part' }, (session) =>
    session.run({}, values),
  );
}
