import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { programs } from '../../../tools/package/programs.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** npm for this Node.js, which is no program but a script on Windows. */
function pack(...args: readonly string[]): Packed {
  const text = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--loglevel=error', ...args], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  return (JSON.parse(text) as [Packed])[0];
}

/** Everything that may be in the package: what runs, its types, what reads it, what it is tried with. */
const allowed = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md)$/,
  /^bin\/quantize$/,
  /^dist\/bin\/[\w-]+\.js$/,
  /^dist\/man\/quantize\.1$/,
  /^dist\/(src|calibration)\/([\w-]+\/)*[\w-]+(\.js|\.d\.ts)$/,
  /^docs\/(tutorials\/)?[\w-]+\.md$/,
  /^schema\/(result|quantize\.config)\.schema\.json$/,
  /^examples\/(README\.md|digits\.onnx|digits-(calib|test|test-labels)\.npy|make-digits\.py|quantize\.config\.json)$/,
  /^examples\/tutorials\/[\w-]+\.mjs$/,
];

describe('the package', () => {
  const { files, unpackedSize } = pack('--dry-run');
  const paths = files.map(({ path }) => path);

  test('holds nothing else than it should', () => {
    expect(paths.filter((path) => !allowed.some((pattern) => pattern.test(path)))).toEqual([]);
    // 5 MB in version 0.2.0.
    expect(unpackedSize).toBeLessThan(7e6);
  });

  test('holds each module once, and none whose source is gone', () => {
    const modules = paths.flatMap((path) => /^dist\/((?:src|calibration)\/.*)\.js$/.exec(path)?.[1] ?? []);
    expect(modules.length).toBeGreaterThan(500);
    expect(modules.filter((name) => !existsSync(join(root, `${name}.ts`)))).toEqual([]);
    expect(modules.filter((name) => !paths.includes(`dist/${name}.d.ts`))).toEqual([]);
  });

  test('holds all that its manifest, its entry points and its documents name', () => {
    const named = [
      ...Object.values<string>(manifest.bin),
      ...[manifest.man, manifest.exports['.'].types, manifest.exports['.'].default],
      ...[...readFileSync(join(root, 'bin/quantize'), 'utf8').matchAll(/'\.\.\/(.*)'/g)].map(
        ([, path]) => path,
      ),
      ...['dist/bin/run.js', 'dist/bin/worker.js', ...Object.values(manifest.exports).slice(1)],
    ].map((path) => String(path).replace(/^\.\//, ''));
    for (const name of [...paths].filter((path) => /^(README|docs\/.*)\.md$/.test(path)))
      for (const [, link = ''] of readFileSync(join(root, name), 'utf8').matchAll(
        /\]\((?!https?:|#)([^)#]+)/g,
      ))
        if (!link.endsWith('.ts') && !link.startsWith('../bench'))
          named.push(join(dirname(name), link).replaceAll('\\', '/'));
    expect([...new Set(named)].filter((path) => !paths.includes(path))).toEqual([]);
  });
});

describe('the tarball, unpacked beside the packages that its manifest names', () => {
  /** A project in which it is installed, without a registry. */
  function project(): string {
    const folder = temporaryFolder();
    const { filename } = pack('--pack-destination', folder);
    const installed = join(folder, 'node_modules', 'onnx-quantize');
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
    const others = [...Object.keys(manifest.dependencies), '@types/node'];
    for (const name of others) {
      mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
    }
    for (const [file, text] of Object.entries(programs)) writeFileSync(join(folder, file), text);
    return folder;
  }

  const inProject = (folder: string, ...args: readonly string[]): string =>
    execFileSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  test('is an ES module, a CommonJS one, both commands, and types for the strictest compiler', () => {
    const folder = project();
    expect(inProject(folder, 'module.mjs')).toContain('minmax mse');
    expect(inProject(folder, 'common.cjs')).toBe('There is no file no-such-model.onnx.\n');
    const installed = join(folder, 'node_modules', 'onnx-quantize');
    for (const path of Object.values<string>(manifest.bin))
      expect(inProject(folder, join(installed, path), '--version')).toBe(`${manifest.version}\n`);
    expect(inProject(folder, join(root, 'node_modules/typescript/bin/tsc'))).toBe('');
  });
});

test('what states a version states that of the manifest', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  expect([lock.version, lock.packages[''].version]).toEqual([manifest.version, manifest.version]);
  expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split('\n')[2]).toBe(`## ${manifest.version}`);
  expect(readFileSync(join(root, 'dist/man/quantize.1'), 'utf8')).toContain(
    `onnx-quantize ${manifest.version}"`,
  );
});
