import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Files and folders of src, and the folder calibration, from the lowest up. A file imports its own layer or lower. */
const layers = [
  'errors',
  'version',
  'files',
  'validate',
  'modules',
  'numerics',
  'graph',
  'proto',
  'derive',
  'runtime',
  'calibration',
  'recipe',
  'options',
  'convert',
  'load',
  'train',
  'fold',
  'place',
  'calibrate',
  'quantize',
  'integer',
  'refine',
  'registries',
  'emit',
  'evaluate',
  'gate',
  'search',
  'report',
  'config',
  'prepare',
  'run',
  'sweep',
  'init',
  'doctor',
  'transformers-js',
  'index',
  'cli',
];

/** What the ground floor may see, stricter than the order. */
const ground: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  version: [],
  files: ['errors'],
  modules: ['errors', 'files', 'validate'],
  validate: [],
  numerics: [],
  graph: ['numerics'],
  derive: ['graph', 'numerics'],
  proto: ['errors', 'graph'],
  runtime: ['errors', 'numerics'],
  calibration: ['errors', 'validate', 'files', 'modules', 'numerics'],
};

/** The only layers that import these packages. */
const owners: Readonly<Record<string, string>> = {
  'onnxruntime-node': 'runtime',
  protobufjs: 'proto',
  'onnx-proto': 'proto',
  commander: 'cli',
  'cli-progress': 'cli',
  '@observablehq/plot': 'report',
  linkedom: 'report',
};

interface Import {
  readonly file: string;
  readonly layer: string;
  /** The layer that it imports from, or the name of a package. */
  readonly target: string;
  readonly isPackage: boolean;
  /** The file that it imports, from the root; undefined for a package. */
  readonly path: string | undefined;
}

const layerOf = (file: string): string =>
  relative(root, file)
    .replace(/^src\//, '')
    .replace(/\/.*|\.[jt]s$/g, '');

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  // Static imports, re-exports, type imports and import(): whatever names a module in quotes.
  const specifiers = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"]+)\1/g)].map(
    ([, , name]) => name ?? '',
  );
  return specifiers.map((name) => ({
    file: relative(root, file),
    layer: layerOf(file),
    target: name.startsWith('.') ? layerOf(resolve(dirname(file), name)) : name,
    isPackage: !name.startsWith('.'),
    path: name.startsWith('.')
      ? relative(root, resolve(dirname(file), name)).replace(/\.js$/, '.ts')
      : undefined,
  }));
}

const sources = ['src', 'calibration'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, folder, name)),
);
const imports = sources.flatMap(importsOf);
const importsByFile = new Map(
  sources.map((source) => {
    const file = relative(root, source);
    return [file, imports.flatMap((found) => (found.file === file ? (found.path ?? []) : []))];
  }),
);
const own = imports.filter((found) => !found.isPackage && found.target !== found.layer);

test('every file is in a layer, and the search for imports finds them', () => {
  expect([...new Set(sources.map(layerOf))].filter((layer) => !layers.includes(layer))).toEqual([]);
  expect(imports.length).toBeGreaterThan(sources.length);
  expect(imports).toContainEqual({
    file: 'src/runtime/onnxruntime.ts',
    layer: 'runtime',
    target: 'onnxruntime-node',
    isPackage: true,
    path: undefined,
  });
});

test('imports go one way', () => {
  const upward = own.filter(({ layer, target }) => layers.indexOf(target) > layers.indexOf(layer));
  expect(upward).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const seen = new Set<string>();
  const circles: string[][] = [];
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file]);
    if (seen.has(file)) return;
    seen.add(file);
    for (const next of importsByFile.get(file) ?? []) visit(next, [...way, file]);
  };
  for (const file of importsByFile.keys()) visit(file, []);
  expect(circles).toEqual([]);
});

test('a sweep is a run of its own, and imports none of the others', () => {
  expect(own.filter(({ layer, target }) => layer === 'sweep' && target === 'run')).toEqual([]);
});

test('the ground floor sees only what it must', () => {
  const seen = own.filter(({ layer, target }) => ground[layer] && !ground[layer].includes(target));
  expect(seen).toEqual([]);
});

test('no file is above 350 lines', () => {
  const long = sources.filter((file) => readFileSync(file, 'utf8').trimEnd().split('\n').length > 350);
  expect(long.map((file) => relative(root, file))).toEqual([]);
});

test('a package is imported by its owner only', () => {
  const strangers = imports.filter(
    ({ layer, target, isPackage }) => isPackage && owners[target] && owners[target] !== layer,
  );
  expect(strangers).toEqual([]);
});
