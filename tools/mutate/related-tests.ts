import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Slow, or of the built program, which is not mutated. */
const leftOut = /^test\/(e2e|attacks|faults|cli|refine|report|search|sweep|run|load|support|train)\//;

/** The files that a file imports by a path. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+\.js)['"]/g)]
    .map(([, name = '']) => resolve(dirname(file), name.replace(/\.js$/, '.ts')))
    .filter((found) => existsSync(found));
}

/** How many imports lead from each test file to each source file, at the least. */
export class RelatedTests {
  readonly #distances = new Map<string, ReadonlyMap<string, number>>();
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    for (const name of readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })) {
      const test = join(root, 'test', name);
      if (name.endsWith('.test.ts') && !leftOut.test(`test/${name}`))
        this.#distances.set(test, distancesFrom(test));
    }
  }

  /** The tests that import a file, the nearest first: its own, then those that reach it by fewest imports. */
  of(file: string, most: number): string[] {
    const own = join(
      this.#root,
      'test',
      relative(this.#root, file)
        .replace(/^src\//, '')
        .replace(/\.ts$/, '.test.ts'),
    );
    return [...this.#distances]
      .flatMap(([test, distances]) => {
        const distance = test === own ? 0 : distances.get(file);
        return distance === undefined ? [] : [{ test, rank: distance + apart(test, own) / 10 }];
      })
      .sort((a, b) => a.rank - b.rank || (a.test < b.test ? -1 : 1))
      .slice(0, most)
      .map(({ test }) => test);
  }
}

/** Of two paths, the folders that they do not share. */
function apart(a: string, b: string): number {
  const [one, other] = [a.split('/'), b.split('/')];
  const shared = one.findIndex((part, i) => part !== other[i]);
  return Math.max(one.length, other.length) - shared;
}

function distancesFrom(test: string): Map<string, number> {
  const distances = new Map([[test, 0]]);
  // A map grows while it is read: breadth first.
  for (const [file, distance] of distances)
    for (const found of importsOf(file)) if (!distances.has(found)) distances.set(found, distance + 1);
  return distances;
}
