import { numberToHalf } from '../src/numerics/half.js';
import { type ArrayType, allocate, elementCount, type NdArray } from '../src/numerics/nd-array.js';
import { type Random, seededRandom } from './sampling.js';
import type { Batch, InputSpec, SampleSource } from './source.js';

/** What a dynamic dimension behind the batch is taken as: small enough to be quick, large enough to be no edge case. */
const DYNAMIC_DIM = 16;

/**
 * Seeded random input for every input of a model, where there are no samples: it shows that two models agree, not how
 * well they do their task, and it calibrates nothing.
 *
 * Floats are standard normal (what normalized data look like), integers 0 or 1, which every vocabulary and mask has.
 */
export function syntheticSource(inputs: readonly InputSpec[], length: number, seed: number): SampleSource {
  return {
    label: 'synthetic',
    length,
    preprocess: 'seeded random input',
    async *open(): AsyncGenerator<Batch> {
      const random = seededRandom(seed);
      for (let i = 0; i < length; i++) {
        yield {
          feed: Object.fromEntries(inputs.map((input) => [input.name, randomArray(input, random)])),
          samples: 1,
        };
      }
    },
  };
}

function randomArray(input: InputSpec, random: Random): NdArray {
  const dims = (input.shape ?? [1]).map((dim, axis) => {
    if (typeof dim === 'number' && dim > 0) return dim;
    return axis === 0 ? 1 : DYNAMIC_DIM;
  });
  const type = input.type as ArrayType;
  const data = allocate(type, elementCount(dims));
  for (let i = 0; i < data.length; i++) {
    if (type === 'float32' || type === 'float64') data[i] = standardNormal(random);
    else if (type === 'float16') data[i] = numberToHalf(standardNormal(random));
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[i] = random() < 0.5 ? 0n : 1n;
    else data[i] = random() < 0.5 ? 0 : 1;
  }
  return { type, dims, data };
}

/** Box–Muller transform. */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
