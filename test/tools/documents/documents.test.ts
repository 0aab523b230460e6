import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { makeProgram } from '../../../src/cli/program.js';
import { missingLine } from '../../../tools/documents/compare-output.js';
import { callsOf, commandsOf } from '../../../tools/documents/extract.js';
import { planFor } from '../../../tools/documents/plan.js';
import { documents } from '../../../tools/documents/run.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (document: string) => readFileSync(join(root, document), 'utf8');

/** What is wrong with the words of a call, as the command line would find it before it opens a file. */
function complaintOf(words: readonly string[]): string | undefined {
  const quiet = { write: () => {} };
  const { program, commands } = makeProgram({ argv: [], stdout: quiet, stderr: quiet });
  const named = commands.find((command) => command.name() === words[0]);
  const command: Command = named ?? program;
  for (const each of [program, ...commands]) each.exitOverride().configureOutput({ writeErr: () => {} });
  const { operands, unknown } = command.parseOptions([...words.slice(named ? 1 : 0)]);
  if (unknown.length > 0) return `unknown: ${unknown.join(' ')}`;
  const { registeredArguments: taken } = command;
  if (operands.length < taken.filter(({ required }) => required).length) return 'an argument is missing';
  if (operands.length > taken.length && !taken.at(-1)?.variadic) return `one too many: ${operands.at(-1)}`;
  return undefined;
}

// What an engine tells its tasks, for --shard auto.
beforeAll(() => {
  vi.stubEnv('QUANTIZE_SHARD_INDEX', '0');
  vi.stubEnv('QUANTIZE_SHARD_COUNT', '2');
});
afterAll(() => vi.unstubAllEnvs());

describe('the commands of a document', () => {
  const markdown = [
    ...[
      '```sh',
      '# a comment',
      'quantize a.onnx \\',
      '  --bits 4   # more',
      '',
      'b',
      '```',
      '```js',
      'quantize x',
      '```',
    ],
    ...[
      '```console',
      '$ quantize c.onnx \\',
      '    --json',
      'line',
      '…',
      '$ d',
      '```',
      '```bash',
      '#!/bin/sh',
      'e',
      'f',
      '```',
    ],
  ].join('\n');

  test('are found with their lines, and what they show', () => {
    expect(commandsOf('x.md', markdown)).toEqual([
      { document: 'x.md', block: 0, line: 3, text: 'quantize a.onnx \\\n  --bits 4   # more' },
      { document: 'x.md', block: 0, line: 6, text: 'b' },
      { document: 'x.md', block: 1, line: 12, text: 'quantize c.onnx \\\n    --json', output: 'line\n…' },
      { document: 'x.md', block: 1, line: 16, text: 'd' },
      { document: 'x.md', block: 2, line: 19, text: '#!/bin/sh\ne\nf' },
    ]);
  });

  test.each([
    ['quantize a.onnx \\\n  --bits 4 # more', [['a.onnx', '--bits', '4']]],
    [`cd x && npx quantize ci --gate 'a b>=1' "c d" > out.json`, [['ci', '--gate', 'a b>=1', 'c d']]],
    [`if npx quantize ci "$@" --json; then\n echo 'quantize x'\nfi`, [['ci', '$@', '--json']]],
    ['npm install onnx-quantize', []],
    ['npm ci && node bin/quantize m.onnx --rule a\\*:bits=4', [['m.onnx', '--rule', 'a*:bits=4']]],
  ])('%j calls quantize', (text, calls) => {
    expect(callsOf(text)).toEqual(calls);
  });
});

describe('what is printed', () => {
  test('is that of the document but for last digits and times', () => {
    const shown =
      'top-1 99.75 % · 0.17× the size\n\none run  0.26 ms   0.22 ms  1.17× as fast\nlogits  24.2 dB';
    expect(missingLine(shown, shown)).toBeUndefined();
    expect(missingLine(shown, shown.replace('24.2', '25.9').replace('1.17', '0.50'))).toBeUndefined();
    expect(missingLine(shown, shown.replace('24.2', '31.0'))).toContain('logits 24.2 dB');
    expect(missingLine(shown, shown.replace('logits', 'scores'))).toContain('logits 24.2 dB');
    expect(missingLine(shown, `${shown}\nmore`)).toContain('more');
    expect(missingLine(shown.replace('\n\n', '\n'), shown)).toContain('one run');
    expect(missingLine('…\nlogits  24.2 dB\n…', `${shown}\nmore`)).toBeUndefined();
    expect(missingLine('…\nx\n…', shown)).toContain('x');
  });
});

describe.each(documents())('%s', (document) => {
  const commands = commandsOf(document, read(document));

  test('every command is run by npm run test:docs, or says why not', () => {
    for (const command of commands) expect(() => planFor(command)).not.toThrow();
  });

  test('every call of quantize is one that it takes, in blocks of a shell and of a pipeline', () => {
    const calls = commands.flatMap(({ line, text }) => callsOf(text).map((words) => ({ line, words })));
    for (const [, block = ''] of read(document).matchAll(/```ya?ml\n([\s\S]*?)```/g)) {
      parse(block);
      for (const [, text = ''] of block.matchAll(/(?:run:|-) ((?:npx )?quantize .*)/g))
        calls.push(...callsOf(text).map((words) => ({ line: 0, words })));
    }
    // What the shell puts in the place of its arguments is nobody's to check.
    for (const { line, words } of calls)
      expect([line, words, complaintOf(words.filter((word) => word !== '$@'))]).toEqual([
        line,
        words,
        undefined,
      ]);
  });
});

test('a command that nobody plans to run, a flag that is not and a value that cannot be are found', () => {
  const made = (text: string) => ({ document: 'docs/new.md', block: 0, line: 1, text });
  expect(() => planFor(made('docker run quantize'))).toThrow('does not say how this is run');
  expect(complaintOf(['model.onnx', '--bit', '4'])).toBe('unknown: --bit 4');
  expect(complaintOf(['compare', 'a.onnx'])).toBe('an argument is missing');
  expect(complaintOf(['verify', 'a.onnx', 'b.onnx'])).toBe('one too many: b.onnx');
});
