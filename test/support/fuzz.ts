import { type Random, seededRandom } from '../../calibration/sampling.js';
import { anyInteger } from './random-data.js';

/** Numbers at which formats end, in bytes. */
const ODD = [0, 1, 0x7f, 0x80, 0xff];

/** Some changes of a valid file: single bits and bytes, sizes at their ends, parts left out, doubled or put elsewhere. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = Uint8Array.from(bytes);
  const changes = 1 + Math.floor(random() ** 2 * 6);
  for (let i = 0; i < changes; i++) result = changedOnce(result, random);
  return result;
}

function changedOnce(bytes: Uint8Array, random: Random): Uint8Array {
  const at = anyInteger(random, 0, Math.max(0, bytes.length - 1));
  const length = anyInteger(random, 1, Math.min(64, Math.max(1, bytes.length - at)));
  const parts = (...all: Uint8Array[]) => Uint8Array.from(Buffer.concat(all));
  const copy = Uint8Array.from(bytes);
  switch (anyInteger(random, 0, 6)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << anyInteger(random, 0, 7));
      return copy;
    case 1:
      copy[at] = anyInteger(random, 0, 255);
      return copy;
    case 2:
      return copy.fill(
        ODD[anyInteger(random, 0, ODD.length - 1)] as number,
        at,
        at + anyInteger(random, 1, 8),
      );
    case 3:
      return bytes.slice(0, at);
    case 4:
      return parts(bytes.subarray(0, at), bytes.subarray(at + length));
    case 5:
      return parts(bytes.subarray(0, at + length), bytes.subarray(at));
    default:
      return parts(
        bytes.subarray(0, at),
        Uint8Array.from({ length }, () => anyInteger(random, 0, 255)),
        bytes.subarray(at),
      );
  }
}

/** What stands where something else should. */
const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  '',
  '__proto__',
  'x'.repeat(5000),
  '\u0000\u2028\u{1f600}',
  [],
  {},
  [[[[]]]],
  { __proto__: null, constructor: 1 },
];

/** JSON with a value replaced, a key left out or added, or the bytes changed. */
export function mutatedJson(text: string, random: Random): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (random() < 0.25) return mutated(bytes, random);
  const value: unknown = JSON.parse(text);
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const walk = (holder: unknown) => {
    if (typeof holder !== 'object' || holder === null) return;
    for (const key of Object.keys(holder)) {
      places.push([holder as Record<string, unknown>, key]);
      walk((holder as Record<string, unknown>)[key]);
    }
  };
  walk(value);
  for (let i = anyInteger(random, 1, 3); i > 0; i--) {
    const [holder, key] = places[anyInteger(random, 0, places.length - 1)] as (typeof places)[0];
    const odd = oddValues[anyInteger(random, 0, oddValues.length - 1)];
    const what = anyInteger(random, 0, 3);
    if (what === 0) delete holder[key];
    else if (what === 1)
      Object.defineProperty(holder, '__proto__', { value: odd, enumerable: true, configurable: true });
    else if (what === 2) holder[`${key}x`] = odd;
    else holder[key] = odd;
  }
  return new TextEncoder().encode(JSON.stringify(value) ?? '');
}

/** So many inputs an entry point, from this seed on: FUZZ_INPUTS over all entry points, and FUZZ_SEED. */
export const fuzzing = {
  inputs: Number(process.env.FUZZ_INPUTS ?? 0),
  seed: Number(process.env.FUZZ_SEED ?? 1),
};

export const randomOf = (at: number): Random => seededRandom(fuzzing.seed * 1_000_003 + at);
