import { syntheticSources } from '../../calibration/synthetic.js';
import { QuantizeError } from '../errors.js';
import type { ChannelMoments } from '../graph/channel-moments.js';
import { fedAs } from '../graph/data-type.js';
import { exposing } from '../graph/expose.js';
import { isOp, type Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { type Feed, type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Session } from '../runtime/session.js';
import type { ChannelGroup } from './channel-group.js';

/** Sources of one seed: the folded model is one whatever samples it meets later. */
const SEED = 0;

/**
 * What normal input is made to: as it is, as pictures from 0 to 1, and as pixels to 255. What is true of channels at each
 * of them does not hang on how the model's input is normalized, which no file tells.
 */
const INPUT_FORMS: readonly ((x: number) => number)[] = [
  (x) => x,
  (x) => Math.min(Math.abs(x) / 2, 1),
  (x) => Math.min(Math.abs(x) * 128, 255),
];

/** What the channels of each value hold, on one form of the input. */
export type Measured = Map<string, ChannelMoments>;

/** The value that the readers of a group see: behind its activation function. */
export const seenValue = ({ readers }: ChannelGroup): string => readers[0]?.layer.node.inputs[0] ?? '';

/**
 * Run the model on seeded random input and look at the channels that groups of layers share.
 *
 * @returns one map for each form of the input; none where the model runs on no random input
 */
export async function probeChannels(model: Model, groups: readonly ChannelGroup[]): Promise<Measured[]> {
  const inputs = model.graph.inputs
    .filter(({ name }) => !model.graph.initializers.has(name))
    .map(({ name, dataType, shape }) => ({ name, type: fedAs(dataType) ?? 'float32', shape }));
  const sources = syntheticSources(inputs, 1, SEED);
  const values = groups.map(seenValue);
  try {
    return await withModel(
      exposing(model, values),
      { mode: 'basic', label: 'the probe' },
      async (session) => {
        for (const source of sources) {
          for await (const { feed } of source.open()) {
            const measured = await measure(session, feed, groups);
            if (measured) return measured;
          }
        }
        return [];
      },
    );
  } catch (thrown) {
    // A model that the runtime takes only as it was is the verification's to refuse.
    if (thrown instanceof QuantizeError) return [];
    throw thrown;
  }
}

async function measure(
  session: Session,
  feed: Feed,
  groups: readonly ChannelGroup[],
): Promise<Measured[] | undefined> {
  const hasFloats = Object.values(feed).some(({ type }) => type === 'float32');
  const measured: Measured[] = [];
  for (const form of hasFloats ? INPUT_FORMS : INPUT_FORMS.slice(0, 1)) {
    let outputs: ReadonlyMap<string, NdArray>;
    try {
      outputs = await session.run(shaped(feed, form));
    } catch {
      // The shape is a guess: the next one may fit.
      return undefined;
    }
    measured.push(
      new Map(
        groups.flatMap((group) => {
          const array = outputs.get(seenValue(group));
          const moments = array && momentsOf(array, group);
          return moments ? [[seenValue(group), moments] as const] : [];
        }),
      ),
    );
  }
  return measured;
}

function shaped(feed: Feed, form: (x: number) => number): Feed {
  return Object.fromEntries(
    Object.entries(feed).map(([name, array]) => [
      name,
      array.type === 'float32' ? { ...array, data: (array.data as Float32Array).map(form) } : array,
    ]),
  );
}

/** Mean, variance and ends of each channel; undefined where a value is not finite. */
function momentsOf(
  array: NdArray,
  { channels, readers: [reader] }: ChannelGroup,
): ChannelMoments | undefined {
  if (!reader) return undefined;
  const axis = isOp(reader.layer.node, 'Conv', 'ConvTranspose') ? 1 : array.dims.length - 1;
  if (array.dims[axis] !== channels * reader.repeat) return undefined;
  const inner = array.dims.slice(axis + 1).reduce((product, size) => product * size, 1) * reader.repeat;
  const make = (value = 0) => new Float64Array(channels).fill(value);
  const [mean, square, count] = [make(), make(), make()];
  const [low, high] = [make(Number.POSITIVE_INFINITY), make(Number.NEGATIVE_INFINITY)];
  const data = numbersOf(array);
  for (let i = 0; i < data.length; i++) {
    const x = Number(data[i]);
    if (!Number.isFinite(x)) return undefined;
    const c = Math.floor(i / inner) % channels;
    mean[c] = (mean[c] as number) + x;
    square[c] = (square[c] as number) + x * x;
    count[c] = (count[c] as number) + 1;
    low[c] = Math.min(low[c] as number, x);
    high[c] = Math.max(high[c] as number, x);
  }
  if (data.length === 0) return undefined;
  const average = mean.map((sum, c) => sum / (count[c] as number));
  const variance = square.map((sum, c) =>
    Math.max(sum / (count[c] as number) - (average[c] as number) ** 2, 0),
  );
  return { mean: average, variance, low, high };
}
