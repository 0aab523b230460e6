import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doctor, type Finding } from '../../src/doctor/doctor.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function findings(options: Parameters<typeof doctor>[0]): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const each of doctor(options)) found.push(each);
  return found;
}

test.each([
  ['20.18.3', 'wrong', 3],
  ['20.19.0', 'fine', 0],
  ['18.20.4', 'wrong', 3],
  ['24.1.0', 'fine', 0],
])('Node.js %s is %s', async (nodeVersion, state, exitCode) => {
  const config = join(temporaryFolder(), 'none.json');
  const [node, runtime, ...others] = await findings({ nodeVersion, config });
  expect(node).toMatchObject({ subject: 'Node.js', state, exitCode });
  expect(runtime).toMatchObject({ subject: 'onnxruntime', state: 'fine' });
  // A configuration that was named must be there.
  expect(others.at(-1)).toMatchObject({ subject: 'configuration', state: 'wrong', exitCode: 2 });
});
