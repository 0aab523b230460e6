import { expect, test } from 'vitest';
import { run } from '../../src/cli/run.js';

/** Run the command line in this process, and give what it wrote. */
async function outputOf(...args: string[]): Promise<string> {
  let text = '';
  const stream = {
    write: (part: string) => {
      text += part;
    },
  };
  const fake = { argv: ['node', 'quantize', ...args], stdout: stream, stderr: stream, exitCode: undefined };
  await run(fake);
  expect(fake.exitCode).toBe(0);
  return text;
}

test.each([
  ['quantize', []],
  ['quantize inspect', ['inspect']],
  ['quantize calibrate', ['calibrate']],
  ['quantize merge', ['merge']],
  ['quantize sweep', ['sweep']],
  ['quantize compare', ['compare']],
  ['quantize ci', ['ci']],
  ['quantize schemes', ['schemes']],
])('%s --help', async (_, args) => {
  expect(await outputOf(...args, '--help')).toMatchSnapshot();
});
