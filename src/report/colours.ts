import { Chalk } from 'chalk';

/** Colours for a terminal; none where NO_COLOR is set and not empty (no-color.org). */
export const chalk = process.env.NO_COLOR ? new Chalk({ level: 0 }) : new Chalk();
