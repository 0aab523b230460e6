import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { programs } from './programs.js';

const usage = `Tried installation: npm run try:package -- [--managers npm,pnpm,yarn] [--nodes 20,22,24]

Packs the package, installs the tarball in an empty project by each package manager, and runs there what somebody who has
installed it does: an ES module, a CommonJS one, both commands, and a program in strict TypeScript; then the programs once
more on each version of Node.js. Needs the registry.`;

/** The versions that are tried, and the compiler: somebody else's may be older than that of this repository. */
const tools = {
  pnpm: 'pnpm@10',
  yarn: 'yarn@1',
  typescript: 'typescript@5.9',
  types: '@types/node@20',
} as const;

interface Manager {
  readonly name: string;
  /** Install packages and files in the folder, as dependencies. */
  readonly add: readonly string[];
}

const managers: readonly Manager[] = [
  { name: 'npm', add: ['npm', 'install', '--no-audit', '--no-fund', '--loglevel=error'] },
  { name: 'pnpm', add: ['npx', '--yes', tools.pnpm, 'add', '--reporter=silent'] },
  { name: 'yarn', add: ['npx', '--yes', tools.yarn, 'add', '--silent', '--non-interactive'] },
];

const { values } = parseArgs({
  options: {
    managers: { type: 'string', default: managers.map(({ name }) => name).join(',') },
    nodes: { type: 'string', default: '20,22,24' },
    help: { type: 'boolean', default: false },
  },
});

/** Run a program; what it prints. Nothing of the npm that started this one is passed on. */
function run(folder: string, [command = '', ...args]: readonly string[], node = process.execPath): string {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', ONNXRUNTIME_NODE_INSTALL: 'skip' };
  for (const key of Object.keys(env)) if (/^npm_/i.test(key)) delete env[key];
  env.PATH = `${dirname(node)}${delimiter}${env.PATH ?? ''}`;
  return execFileSync(command, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function expectText(found: string, expected: string, what: string): void {
  if (!found.includes(expected)) throw new Error(`${what}: no ${JSON.stringify(expected)} in\n${found}`);
}

/** The programs and both commands, on a version of Node.js. */
function use(folder: string, version: string, node: string): void {
  expectText(run(folder, [node, 'module.mjs'], node), 'kmeans', 'ES module');
  expectText(run(folder, [node, 'common.cjs'], node), 'no-such-model.onnx', 'CommonJS module');
  for (const name of ['quantize', 'onnx-quantize']) {
    const command = join(folder, 'node_modules', '.bin', name);
    expectText(run(folder, [command, '--version'], node), version, name);
    const examples = join(folder, 'node_modules', 'onnx-quantize', 'examples');
    const printed = run(folder, [command, 'ci', '--config', join(examples, 'quantize.config.json')], node);
    expectText(printed, 'PASSED', `${name} ci`);
  }
}

function main(): void {
  const work = mkdtempSync(join(tmpdir(), 'try-package-'));
  try {
    const packed = run(process.cwd(), [
      'npm',
      'pack',
      '--ignore-scripts',
      '--json',
      '--pack-destination',
      work,
    ]);
    const [{ filename, version }] = JSON.parse(packed) as [{ filename: string; version: string }];
    const tarball = join(work, filename);
    const installed: string[] = [];
    for (const { name, add } of managers.filter(({ name }) => values.managers.split(',').includes(name))) {
      const folder = join(work, name);
      mkdirSync(folder);
      for (const [file, text] of Object.entries(programs)) writeFileSync(join(folder, file), text);
      run(folder, [...add, tarball, tools.typescript, tools.types]);
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (!('onnx-quantize' in manifest.dependencies)) throw new Error(`${name} noted no dependency`);
      if (!existsSync(join(folder, 'node_modules/onnx-quantize/dist/man/quantize.1')))
        throw new Error(`${name} installed no manual`);
      run(folder, [join(folder, 'node_modules', '.bin', 'tsc')]);
      use(folder, version, process.execPath);
      installed.push(folder);
      console.log(
        `${name}: installed ${filename}; modules, commands and types on Node.js ${process.version}`,
      );
    }
    const [first] = installed;
    for (const wanted of values.nodes.split(',').filter((text) => text !== '')) {
      const node = run(work, ['npx', '--yes', `node@${wanted}`, '-p', 'process.execPath']).trim();
      if (first !== undefined) use(first, version, node);
      console.log(`Node.js ${run(work, [node, '--version']).trim()}: modules and commands`);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (values.help) console.log(usage);
else main();
