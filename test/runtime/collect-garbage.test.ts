import { expect, test } from 'vitest';
import { collectGarbage } from '../../src/runtime/collect-garbage.js';

test('memory that nothing holds is given back', async () => {
  const dead = new WeakRef(new Uint8Array(2 ** 20));
  // A reference lasts as long as the turn of the event loop that made it.
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
  expect(dead.deref()).toBeUndefined();
});
