import { expect } from 'vitest';
import { type ErrorCode, QuantizeError } from '../../src/errors.js';

/** The QuantizeError that the work throws; anything else, or nothing, fails the test. */
export async function refusalOf(work: () => unknown): Promise<QuantizeError> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof QuantizeError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

/** Check that the work is refused with this code and exit code; gives the error for a closer look. */
export async function expectRefusal(
  work: () => unknown,
  code: ErrorCode,
  exitCode: number,
): Promise<QuantizeError> {
  const error = await refusalOf(work);
  expect({ code: error.code, exitCode: error.exitCode }).toEqual({ code, exitCode });
  // A placeholder that no fact fills would show to the user.
  expect(error.message + error.hint).not.toMatch(/\{\w+\}/);
  return error;
}
