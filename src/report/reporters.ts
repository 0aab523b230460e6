import { comment } from './comment.js';
import { csv } from './csv.js';
import { github } from './github.js';
import { html } from './html.js';
import { json } from './json.js';
import { junit } from './junit.js';
import { markdown } from './markdown.js';
import { openmetrics } from './openmetrics.js';
import type { Reporter } from './reporter.js';
import { terminal } from './terminal.js';

/** The report formats, the default first. */
export const reporters: readonly Reporter[] = [
  terminal,
  json,
  html,
  markdown,
  junit,
  csv,
  openmetrics,
  github,
  comment,
];
