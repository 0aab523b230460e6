import type { Result } from './result.js';

/** Shows a result record in one format. */
export interface Reporter {
  readonly name: string;
  readonly summary: string;
  /** The whole report, ending in a line feed. */
  render(result: Result): string;
}
