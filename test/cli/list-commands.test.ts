import { expect, it } from 'vitest';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { readers } from '../../calibration/readers/readers.js';
import { run } from '../../src/cli/run.js';
import { metrics } from '../../src/gate/metrics.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { reporters } from '../../src/report/reporters.js';
import { runIn } from '../support/command.js';

async function outputOf(...args: string[]): Promise<string> {
  let text = '';
  const stdout = {
    write(part: string) {
      text += part;
    },
  };
  const fake = { argv: ['node', 'quantize', ...args], stdout, stderr: stdout, env: { NO_COLOR: '1' } };
  await run(fake);
  return text;
}

it.each([
  ['schemes', schemes],
  ['observers', rangeSources],
  ['act-schemes', actSchemes],
  ['readers', readers],
  ['metrics', metrics],
  ['reporters', reporters],
])('quantize %s lists its registry', async (name, registry) => {
  const lines = (await outputOf(name)).trimEnd().split('\n');
  expect(lines).toHaveLength(registry.length);
  registry.forEach((entry, i) => {
    expect(lines[i]).toMatch(new RegExp(`^${entry.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}  .`));
  });
  const records = JSON.parse(await outputOf(name, '--json')) as { name: string; summary: string }[];
  expect(records.map((record) => record.name)).toEqual(registry.map((entry) => entry.name));
});

it('colours only where NO_COLOR is not set, and errors go to stderr', async () => {
  const coloured = await runIn(undefined, ['schemes'], { FORCE_COLOR: '1', NO_COLOR: '' });
  expect(coloured.stdout).toContain('\u001b[1mminmax\u001b[22m');
  const plain = await runIn(undefined, ['schemes'], { FORCE_COLOR: '1', NO_COLOR: '1' });
  expect(plain.stdout).not.toContain('\u001b');
  expect(await runIn(undefined, ['nowhere.onnx', '--quiet', '--verbose'])).toMatchObject({
    code: 2,
    stdout: '',
  });
});

it('quantize presets lists the presets', async () => {
  expect(await outputOf('presets')).toMatch(/^imagenet {2}\(x\/255 − mean\)\/std\nunit/);
});
