import { json } from './json.js';
import type { Reporter } from './reporter.js';
import { terminal } from './terminal.js';

/** The report formats, the default first. */
export const reporters: readonly Reporter[] = [terminal, json];
