import type { Result } from './result.js';

/** Shows a result record in one format. */
export interface Reporter {
  readonly name: string;
  readonly summary: string;
  /** How the names of its files end, with the dot; undefined for what no file is made of. */
  readonly ending?: string;
  /** The whole report, ending in a line feed. */
  render(result: Result): string | Promise<string>;
}
