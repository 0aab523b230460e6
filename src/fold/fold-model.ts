import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import { passes } from './passes.js';

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
export async function foldModel(model: Model): Promise<PassReport[]> {
  const reports: PassReport[] = [];
  for (const pass of passes) {
    const changes = await pass.run(model, { evaluate });
    if (changes > 0) reports.push({ pass: pass.name, summary: pass.summary, changes });
  }
  return reports;
}

async function evaluate(model: Model, values: readonly string[]): Promise<Map<string, NdArray>> {
  return withModel(model, { mode: 'disabled', label: 'the constant part' }, (session) =>
    session.run({}, values),
  );
}
