import type { Reporter } from './reporter.js';

/** The record itself, version in `schemaVersion`; schema/result.schema.json describes it. */
export const json = {
  name: 'json',
  summary: 'the versioned result record',
  ending: '.json',
  render: (result) => `${JSON.stringify(result, null, 2)}\n`,
} as const satisfies Reporter;
