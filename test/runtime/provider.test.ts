import { platform } from 'node:os';
import { expect, it } from 'vitest';
import { encodeModel } from '../../src/proto/encode.js';
import { checkProvider, providers, Session } from '../../src/runtime/session.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';

it('takes the CPU everywhere', async () => {
  expect(() => checkProvider('cpu')).not.toThrow();
  const session = await Session.create(encodeModel(smallModel()), { mode: 'basic', provider: 'cpu' });
  expect(session.outputNames).toEqual(['y']);
  await session.release();
});

it('refuses one that no build for this system has, and names those that it has', async () => {
  // CoreML is Apple's, DirectML is Microsoft's.
  const foreign = platform() === 'darwin' ? 'dml' : 'coreml';
  const error = await expectRefusal(() => checkProvider(foreign), 'provider-missing', 2);
  expect(error.message).toMatch(new RegExp(`no provider "${foreign}"; it has cpu`));
});

it('says so where a session cannot be made on it, and knows no other name', async () => {
  const unknown = 'abacus' as (typeof providers)[number];
  expect(providers).not.toContain(unknown);
  const create = () => Session.create(encodeModel(smallModel()), { mode: 'basic', provider: unknown });
  const error = await expectRefusal(create, 'provider-failed', 3);
  expect(error.message).toContain('cannot load the model on the provider "abacus"');
});
