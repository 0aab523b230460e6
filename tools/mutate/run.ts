import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import type { Plugin } from 'vite';
import { transformWithEsbuild } from 'vite';
import { createVitest, type Vitest } from 'vitest/node';
import { seededRandom } from '../../calibration/sampling.js';
import { type Mutation, mutated, mutationsOf } from './mutations.js';
import { RelatedTests } from './related-tests.js';

const usage = `Mutation testing: npm run mutate -- [--count 200] [--seed 1] [--files text] [--tests 12] [--minutes 60]

Takes so many of all changes of one operator, condition, number or call in the folders below, by the seed, runs the tests
that are nearest to each file on the changed program, and lists the changes that no test noticed. A test counts only where it
passes on the program as it is.`;

const root = process.cwd();
const folders = [
  'src/place',
  'src/emit',
  'src/fold',
  'src/quantize',
  'src/numerics',
  'calibration/observers',
] as const;

/** A change that no test has noticed by then is taken for one that none does. */
const TIMEOUT_MS = 300_000;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    files: { type: 'string', default: '' },
    tests: { type: 'string', default: '12' },
    minutes: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
});

interface Mutant {
  readonly file: string;
  readonly code: string;
  readonly mutation: Mutation;
}

/** The module as tests import it: without its types. */
async function strip(file: string): Promise<string> {
  const { code } = await transformWithEsbuild(readFileSync(file, 'utf8'), file, { sourcemap: false });
  return code;
}

async function allMutants(): Promise<Mutant[]> {
  const files = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(root, folder, name)),
    )
    .filter((file) => relative(root, file).includes(values.files))
    .sort();
  const mutants: Mutant[] = [];
  for (const file of files) {
    const code = await strip(file);
    mutants.push(...mutationsOf(code).map((mutation) => ({ file, code, mutation })));
  }
  return mutants;
}

/** So many of them, by the seed. */
function sample(mutants: readonly Mutant[], count: number, seed: number): Mutant[] {
  const random = seededRandom(seed);
  const keyed = mutants.map((mutant) => ({ mutant, key: random() })).sort((a, b) => a.key - b.key);
  return keyed.slice(0, count).map(({ mutant }) => mutant);
}

/** Serves one file changed, and all others as they are. */
function mutator(): Plugin & { current: Mutant | undefined } {
  return {
    name: 'mutate',
    enforce: 'pre',
    current: undefined,
    load(this: unknown, id: string) {
      const { current } = plugin;
      return current && id.split('?')[0] === current.file ? mutated(current.code, current.mutation) : null;
    },
  };
}

const plugin = mutator();

async function start(): Promise<Vitest> {
  const silent = { onInit() {} };
  // Without the configuration: its tests share modules, and would not see those that are changed.
  const options = {
    config: false as const,
    watch: false,
    bail: 1,
    reporters: [silent],
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
  };
  const vitest = await createVitest('test', { ...options, testTimeout: TIMEOUT_MS }, { plugins: [plugin] });
  await vitest.standalone();
  return vitest;
}

/** Whether all of some tests pass; undefined where they do not come to an end. */
async function pass(vitest: Vitest, tests: readonly string[]): Promise<boolean | undefined> {
  const project = vitest.getRootProject();
  const run = vitest.runTestSpecifications(tests.map((test) => project.createSpecification(test)));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
  });
  const done = await Promise.race([run, late]);
  clearTimeout(timer);
  if (!done) return undefined;
  return done.testModules.every((module) => module.ok()) && done.unhandledErrors.length === 0;
}

async function main(): Promise<void> {
  const related = new RelatedTests(root);
  const mutants = sample(await allMutants(), Number(values.count), Number(values.seed));
  let vitest = await start();
  let survived = 0;
  const perFolder = new Map<string, { killed: number; all: number }>();
  /** Sets of tests that pass on the program as it is. */
  const sound = new Set<string>();
  const deadline = performance.now() + 60_000 * Number(values.minutes);
  let total = 0;
  for (const [i, mutant] of mutants.entries()) {
    if (performance.now() > deadline) break;
    const name = relative(root, mutant.file);
    const tests = related.of(mutant.file, Number(values.tests));
    plugin.current = mutant;
    vitest.invalidateFile(mutant.file);
    let killed = false;
    let isKnown = true;
    // The nearest alone first: it notices most.
    for (const some of [tests.slice(0, 2), tests.slice(2)]) {
      if (killed || some.length === 0) continue;
      const passed = await pass(vitest, some);
      killed = passed !== true;
      if (passed === undefined) {
        await vitest.close();
        vitest = await start();
      }
      const key = some.join();
      if (!killed || sound.has(key)) continue;
      plugin.current = undefined;
      vitest.invalidateFile(mutant.file);
      const asItIs = await pass(vitest, some);
      if (asItIs) {
        sound.add(key);
        continue;
      }
      // Tests that fail as it is, or on a busy machine do not come to an end, tell nothing.
      isKnown = false;
      process.stderr.write(`as it is ${asItIs === false ? 'these fail' : 'too slow'}: ${key}\n`);
      await vitest.close();
      vitest = await start();
    }
    if (!isKnown) {
      process.stderr.write(`${i + 1}/${mutants.length} not known, ${name}\n`);
      continue;
    }
    total++;
    const folder = folders.find((candidate) => name.startsWith(candidate)) ?? '';
    const { killed: before, all } = perFolder.get(folder) ?? { killed: 0, all: 0 };
    perFolder.set(folder, { killed: before + Number(killed), all: all + 1 });
    const { start: from, end, text } = mutant.mutation;
    const line = mutant.code.slice(0, from).split('\n').length;
    const lines = mutant.code.split('\n');
    if (!killed) {
      survived++;
      console.log(`${name}: ${mutant.code.slice(from, end)} → ${text}\n    ${lines[line - 1]?.trim() ?? ''}`);
    }
    const outcome = killed ? 'killed' : 'SURVIVED';
    process.stderr.write(`${i + 1}/${mutants.length} ${outcome} ${survived} so far, ${name}\n`);
  }
  await vitest.close();
  for (const [folder, { killed, all }] of perFolder) console.log(`${folder}: ${killed} of ${all} killed`);
  console.log(`${total - survived} of ${total} killed, ${percent(total - survived, total)}`);
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

if (values.help) console.log(usage);
else await main();
