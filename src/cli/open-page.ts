import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { escapeControls } from '../report/escape.js';
import type { CommandProcess } from './streams.js';

/** What opens a file in the program that is for it, and what stands before the file. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/**
 * Open the pages among some reports in a browser. Where none can be opened, as on a server, that is said: the run is what it
 * is.
 */
export function openPages({ stderr, env = {} }: CommandProcess, reports: readonly string[]): void {
  const pages = reports.filter((path) => /\.html$/i.test(path));
  if (pages.length === 0) stderr.write('--open: there is no page; write one with --report report.html\n');
  for (const page of pages) {
    const [command, ...before] = env.BROWSER ? [env.BROWSER] : (openers[process.platform] ?? ['xdg-open']);
    const child = spawn(command, [...before, resolve(page)], { stdio: 'ignore', detached: true });
    child.on('error', () => {
      stderr.write(`--open: no browser was found; the page is ${escapeControls(page)}\n`);
    });
    child.unref();
  }
}
