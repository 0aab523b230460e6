import { QuantizeError } from '../errors.js';
import { fedInputs, type Model } from '../graph/model.js';
import { measureShapes } from '../load/measure-shapes.js';
import { allocate, elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import type { Dims } from './program.js';

/**
 * Dimensions of every value of a model: from a run of one batch, and one of twice as many samples where the model leaves
 * their number open; what doubled is the batch's.
 *
 * @param feed - one batch; zeros of the shapes that the model states, 1 for what it leaves open, without it
 * @returns no dimensions where the model does not run on that
 */
export async function measureDims(model: Model, feed?: Feed): Promise<ReadonlyMap<string, Dims>> {
  const given = feed ?? zerosFor(model);
  const values = model.graph.nodes.flatMap(({ outputs }) => outputs.filter(Boolean));
  const measure = (fed: Feed) =>
    measureShapes(model, values, fed, { mode: 'disabled', label: 'the quantized model' });
  const once = given && (await unlessRefused(() => measure(given)));
  if (!given || !once) return new Map();
  const twice = isBatchOpen(model) ? await unlessRefused(() => measure(doubled(given))) : once;
  const own = Object.entries(given).map(([name, { dims }]): [string, Dims] => {
    const isOpen = typeof inputOf(model, name)?.shape?.[0] !== 'number';
    return [name, isOpen && twice !== once ? [null, ...dims.slice(1)] : dims];
  });
  const inner = [...once].map(([name, dims]): [string, Dims] => {
    const other = twice?.get(name);
    return [name, dims.map((dim, axis) => (!other || other[axis] === dim ? dim : null))];
  });
  return new Map([...own, ...inner]);
}

const inputOf = ({ graph }: Model, name: string) => graph.inputs.find((input) => input.name === name);

const isBatchOpen = ({ graph }: Model): boolean =>
  fedInputs(graph).some(({ shape }) => shape !== undefined && typeof shape[0] !== 'number');

/** Zeros of the shapes that the inputs have; undefined where one is no tensor that can be fed. */
function zerosFor({ graph }: Model): Feed | undefined {
  const feed: Record<string, NdArray> = {};
  for (const { name, dataType, shape } of fedInputs(graph)) {
    if (
      !shape ||
      !dataType ||
      !(dataType === 'float32' || dataType.startsWith('int') || dataType === 'uint8')
    )
      return undefined;
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
    const type = dataType as NdArray['type'];
    feed[name] = { type, dims, data: allocate(type, elementCount(dims)) };
  }
  return feed;
}

/** The same samples twice. */
function doubled(feed: Feed): Feed {
  return Object.fromEntries(
    Object.entries(feed).map(
      ([
        name,
        {
          type,
          dims: [first = 1, ...rest],
          data,
        },
      ]) => {
        const twice = allocate(type, 2 * data.length);
        (twice as Uint8Array).set(data as Uint8Array);
        (twice as Uint8Array).set(data as Uint8Array, data.length);
        return [name, { type, dims: [2 * first, ...rest], data: twice }];
      },
    ),
  );
}

/** Without shapes much can still be told. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof QuantizeError) return undefined;
    throw thrown;
  }
}
