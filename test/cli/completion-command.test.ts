import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { renderMan } from '../../src/cli/man-page.js';
import { makeProgram } from '../../src/cli/program.js';

function completionOf(shell: string): string {
  let text = '';
  const stdout = { write: (part: string) => (text += part) };
  const { program } = makeProgram({ argv: [], stdout, stderr: stdout });
  program.parse(['node', 'quantize', 'completion', shell]);
  return text;
}

test.skipIf(process.platform === 'win32')('bash completes commands, flags and their values', () => {
  const script = completionOf('bash');
  const complete = (...words: string[]) =>
    execFileSync('bash', [
      ...['-c', `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _quantize; echo "\${COMPREPLY[@]}"`],
      ...['bash', ...words],
    ])
      .toString()
      .trim();
  expect(complete('quantize', 'swe')).toBe('sweep');
  expect(complete('quantize', 'ci', '--dry')).toBe('--dry-run');
  expect(complete('quantize', '--reporter', 'ju')).toBe('junit');
  expect(complete('quantize', 'compare', '--dry')).toBe('');
});

test.each(['zsh', 'fish'])('%s gets every command and flag', (shell) => {
  const script = completionOf(shell);
  const { program } = makeProgram({ argv: [], stdout: { write() {} }, stderr: { write() {} } });
  for (const command of program.commands) {
    expect(script).toContain(command.name());
    for (const { long } of command.options) expect(script).toContain(long?.slice(2));
  }
});

test('the manual has every command and flag, and nothing that roff would read', () => {
  const { program } = makeProgram({ argv: [], stdout: { write() {} }, stderr: { write() {} } });
  const page = renderMan(program);
  for (const command of program.commands)
    expect(page).toContain(`.SS quantize ${command.name().replaceAll('-', '\\-')}`);
  for (const line of page.split('\n')) expect(line).not.toMatch(/^\.(?!TH |SH |SS |TP|B |br)/);
});
