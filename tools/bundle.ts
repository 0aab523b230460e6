import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { renderMan } from '../src/cli/man-page.js';
import { makeProgram } from '../src/cli/program.js';

/**
 * Puts what the command and its workers are made of into few files: the start of the command is mostly the resolving and
 * opening of each. Packages stay outside, and what is imported where it is needed stays apart.
 */
const dist = fileURLToPath(new URL('../', import.meta.url));
const outdir = `${dist}bin`;
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [
    `${dist}src/cli/run.js`,
    `${dist}src/modules/worker.js`,
    `${dist}src/quantize/weight-worker.js`,
    `${dist}src/calibrate/count-thread.js`,
    `${dist}src/refine/walk-thread.js`,
  ],
  outdir,
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  // Names stay: they stand in the traces of bug reports.
  minifyWhitespace: true,
  logLevel: 'warning',
});

// The manual, for `man quantize` where npm has installed the package.
const quiet = { write() {} };
const { program } = makeProgram({ argv: [], stdout: quiet, stderr: quiet });
mkdirSync(`${dist}man`, { recursive: true });
writeFileSync(`${dist}man/quantize.1`, renderMan(program));

// The compiler leaves what it made of sources that are gone or have another name since; the package would take it along.
for (const folder of ['src', 'calibration'])
  for (const name of readdirSync(dist + folder, { recursive: true, encoding: 'utf8' }))
    if (
      /\.(js|d\.ts)$/.test(name) &&
      !existsSync(`${dist}../${folder}/${name.replace(/\.(js|d\.ts)$/, '.ts')}`)
    )
      rmSync(`${dist}${folder}/${name}`);
