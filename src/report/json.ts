import type { Reporter } from './reporter.js';

/** The record itself, version in `schemaVersion`. */
export const json: Reporter = {
  name: 'json',
  summary: 'the versioned result record',
  render: (result) => `${JSON.stringify(result, null, 2)}\n`,
};
