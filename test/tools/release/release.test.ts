import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { notesOf, releaseNotes } from '../../../tools/release/notes.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('the notes of a release', () => {
  const changelog =
    '# Changelog\n\n## 2.0.0\n\n- New ([how](docs/a.md#b), [why](https://example.org)).\n\n## 1.0.0\n\n- First.\n';

  test('are what stands under its heading', () => {
    expect(notesOf(changelog, '1.0.0')).toBe('- First.\n');
    expect(() => notesOf(changelog, '3.0.0')).toThrow('no heading "## 3.0.0"');
    expect(() => notesOf('## 1.0.0\n\n## 0.9.0\n- x', '1.0.0')).toThrow('says nothing of 1.0.0');
  });

  test('lead into the repository at its tag, and are of no other version', () => {
    expect(releaseNotes('v2.0.0', '2.0.0', changelog, 'https://github.com/o/r')).toBe(
      '- New ([how](https://github.com/o/r/blob/v2.0.0/docs/a.md#b), [why](https://example.org)).\n',
    );
    expect(() => releaseNotes('v1.0.0', '2.0.0', changelog, 'https://github.com/o/r')).toThrow('not v2.0.0');
  });
});

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Readonly<Record<string, string>>;
        readonly needs?: readonly string[];
        readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

const workflows = readdirSync(join(root, '.github/workflows')).map(
  (name) => [name, parse(readFileSync(join(root, '.github/workflows', name), 'utf8')) as Workflow] as const,
);

describe.each(workflows)('%s', (_, { permissions, jobs }) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

  test('pins the actions that it uses, and runs scripts that there are', () => {
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/@[0-9a-f]{40}$/);
    for (const { run = '' } of steps)
      for (const [, name = ''] of run.matchAll(/npm run ([\w:]+)/g))
        expect(Object.keys(scripts)).toContain(name);
  });

  test('may write only where nothing of the repository runs', () => {
    expect(permissions).toEqual({ contents: 'read' });
    for (const { permissions: own, steps } of Object.values(jobs))
      if (own !== undefined) expect(JSON.stringify(steps)).not.toMatch(/checkout|npm (ci|run|test|install)/);
  });
});

test('a release is tested and tried before it is published with provenance', () => {
  const jobs = new Map(workflows).get('release.yml')?.jobs ?? {};
  expect(jobs.publish?.needs).toEqual(['test', 'pack']);
  expect(jobs.publish?.permissions).toEqual({ contents: 'write', 'id-token': 'write' });
  expect(JSON.stringify(jobs.publish?.steps)).toContain('--provenance');
  expect(JSON.stringify(jobs.pack?.steps)).toContain('npm run try:package');
});
