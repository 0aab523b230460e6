import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingLine } from './compare-output.js';
import { commandsOf, type DocumentCommand } from './extract.js';
import { type Planned, planFor, type World } from './plan.js';
import { makeWorld } from './worlds.js';

const usage = `Documents test: npm run test:docs -- [--only text] [--every n] [--print]

Runs every command of README.md, CONTRIBUTING.md, docs/ and examples/README.md on models and samples that it makes, as
tools/documents/plan.ts says, and compares what they print with what the documents show. --only takes documents and commands
that hold the text, --every n those of README and every n-th block of the others; --print shows what was printed.`;

/** Scripts of npm, and tests, run there. */
const root = process.cwd();

/** A command that takes longer hangs. */
const TIMEOUT_MS = 180_000;

/** One for each core of a small machine. */
const AT_ONCE = 2;

/** Every document with commands, from the root. */
export function documents(): string[] {
  const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  return [
    ...['README.md', 'CONTRIBUTING.md', 'examples/README.md'],
    ...inDocs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name.replaceAll('\\', '/')}`),
  ].sort();
}

interface Run {
  readonly command: DocumentCommand;
  readonly planned: Planned;
}

/** Commands that follow one another in one folder. */
interface Scene {
  readonly world: World;
  readonly runs: Run[];
}

/** Commands of a block in the same folder of the same world; a tutorial is one block from its beginning to its end. */
function scenesOf(runs: readonly Run[]): Scene[] {
  const scenes = new Map<string, Scene>();
  for (const run of runs) {
    const { world } = run.planned;
    if (world === undefined) continue;
    const { document, block } = run.command;
    const key = `${document} ${document.includes('/tutorials/') ? '' : block} ${world}`;
    const scene = scenes.get(key) ?? { world, runs: [] };
    scenes.set(key, scene);
    scene.runs.push(run);
  }
  return [...scenes.values()];
}

/** `quantize`, `onnx-quantize` and `npx` of them in a folder for the PATH. */
function makeCommands(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const bin = join(root, 'bin/quantize');
  for (const name of ['quantize', 'onnx-quantize'])
    writeFileSync(join(folder, name), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`, {
      mode: 0o755,
    });
  writeFileSync(join(folder, 'npx'), '#!/bin/sh\ntest "$1" = --yes && shift\nexec "$@"\n', { mode: 0o755 });
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bash(text: string, folder: string, commands: string): Promise<Outcome> {
  const env = {
    ...process.env,
    ...{ PATH: `${commands}${delimiter}${process.env.PATH ?? ''}`, NO_COLOR: '1' },
    // What a workflow sets is not these commands' to use.
    ...{ GITHUB_ACTIONS: '', GITHUB_STEP_SUMMARY: join(commands, '..', 'summary.md') },
  };
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', text], {
      ...{ cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] as const, timeout: TIMEOUT_MS },
    });
    const read = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        read[stream] += text;
      });
    child.on('error', reject).on('close', (code) => resolve({ code, ...read }));
  });
}

/** What is wrong with a run; undefined where nothing is. */
function complaint({ command, planned }: Run, { code, stdout, stderr }: Outcome): string | undefined {
  if (!planned.exits.includes(code ?? -1)) return `exit code ${code}\n${stderr.trim() || stdout.trim()}`;
  if (!planned.compared) return undefined;
  const missing = missingLine(command.output ?? '', stdout.trim());
  return missing === undefined ? undefined : `does not print\n  ${missing}`;
}

interface Asked {
  readonly only: string | undefined;
  readonly every: number;
  readonly print: boolean;
}

async function main({ only, every, print }: Asked): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'documents-'));
  const started = performance.now();
  try {
    const all = documents().flatMap((document) =>
      commandsOf(document, readFileSync(join(root, document), 'utf8')),
    );
    const runs = all
      .map((command) => ({ command, planned: planFor(command) }))
      .filter(
        ({ command: { document, text } }) =>
          only === undefined || document.includes(only) || text.includes(only),
      );
    makeCommands(join(work, 'bin'));
    const made = new Map<World, Promise<void>>();
    const failures: string[] = [];
    let ran = 0;
    let compared = 0;

    const play = async ({ world, runs }: Scene, number: number): Promise<void> => {
      const template = join(work, world);
      if (!made.has(world)) made.set(world, makeWorld(world, template, root));
      await made.get(world);
      const folder = join(work, `scene-${number}`);
      cpSync(template, folder, { recursive: true });
      let inside = '.';
      for (const run of runs) {
        const { document, line, text } = run.command;
        const begun = performance.now();
        const outcome = await bash(
          `trap 'pwd > "${work}/pwd-${number}"' EXIT\ncd "${inside}"\n${run.planned.text}`,
          folder,
          join(work, 'bin'),
        );
        ran++;
        if (document.includes('/tutorials/'))
          inside = readFileSync(join(work, `pwd-${number}`), 'utf8').trim();
        if (run.planned.compared) compared++;
        const wrong = complaint(run, outcome);
        if (wrong !== undefined) failures.push(`${document}:${line}\n$ ${text}\n${wrong}`);
        if (print)
          console.log(
            `${document}:${line} ${Math.round(performance.now() - begun)} ms\n$ ${text}\n${outcome.stdout}${outcome.stderr}`,
          );
      }
      rmSync(folder, { recursive: true, force: true });
    };

    const scenes = [...scenesOf(runs).entries()].filter(
      ([number, { runs }]) => number % every === 0 || runs[0]?.command.document === 'README.md',
    );
    const worker = async () => {
      for (let next = scenes.shift(); next; next = scenes.shift()) await play(next[1], next[0]);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    for (const failure of failures) console.error(`${failure}\n`);
    const reasons = new Map<string, number>();
    for (const { planned } of runs)
      if (planned.reason !== undefined) reasons.set(planned.reason, (reasons.get(planned.reason) ?? 0) + 1);
    for (const [reason, count] of reasons) console.log(`not run, ${count}: ${reason}`);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(
      `${ran} commands ran in ${seconds} s, ${compared} compared with what they print; ${failures.length} failed`,
    );
    process.exitCode = failures.length === 0 ? 0 : 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      every: { type: 'string', default: '1' },
      print: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(usage);
  else await main({ only: values.only, every: Math.max(1, Number(values.every)), print: values.print });
}
