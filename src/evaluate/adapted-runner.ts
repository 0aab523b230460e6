import { numberToHalf } from '../numerics/half.js';
import { type ArrayType, type Feed, type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Runner } from './recording.js';

/** How one model is run as if it were another: with the other's inputs, its outputs under the other's names. */
export interface Adapter {
  /** Element types that inputs must be turned into, by the name of the input. */
  readonly inputTypes: ReadonlyMap<string, ArrayType>;
  /** The name that each output goes by, by its own; outputs without one are left out. */
  readonly outputNames: ReadonlyMap<string, string>;
}

/** The feed in the element types that a model takes. */
export function convertFeed(feed: Feed, { inputTypes }: Pick<Adapter, 'inputTypes'>): Feed {
  if (inputTypes.size === 0) return feed;
  return Object.fromEntries(
    Object.entries(feed).map(([name, array]) => [name, convertArray(array, inputTypes.get(name))]),
  );
}

/** Floats in another width; everything else is left as it is. */
function convertArray(array: NdArray, type: ArrayType | undefined): NdArray {
  if (type === undefined || type === array.type) return array;
  const numbers = numbersOf(array);
  switch (type) {
    case 'float16':
      return { type, dims: array.dims, data: Uint16Array.from(numbers, numberToHalf) };
    case 'float32':
      return { type, dims: array.dims, data: Float32Array.from(numbers) };
    case 'float64':
      return { type, dims: array.dims, data: Float64Array.from(numbers) };
    default:
      throw new Error(`${array.type} is not turned into ${type}`);
  }
}

/** A runner that takes and gives what another model's would; the runner itself where nothing is to be changed. */
export function adaptRunner(runner: Runner, adapter: Adapter | undefined): Runner {
  if (!adapter) return runner;
  const { outputNames } = adapter;
  return {
    outputNames: [...outputNames].flatMap(([own, name]) => (runner.outputNames.includes(own) ? [name] : [])),
    async run(feed) {
      const results = await runner.run(convertFeed(feed, adapter));
      return new Map(
        [...outputNames].flatMap(([own, name]) => {
          const array = results.get(own);
          return array ? [[name, array] as const] : [];
        }),
      );
    },
  };
}
