import type { InputSpec } from './source.js';

type Dim = NonNullable<InputSpec['shape']>[number];
type Shaped = Pick<InputSpec, 'shape'>;

/** Names that stand for the batch on whatever axis; a letter alone only where it comes first. */
const BATCH = /batch|^bs$/i;
const BATCH_LETTER = /^[nb]$/i;

/** Names that exporters make up, one for each input: they say nothing, and the first axis is the batch. */
const MADE_UP = /^(unk__\d+|.+_dynamic_axes_\d+|\?|none|-1)$/i;

const saysNothing = (dim: Dim): boolean => typeof dim !== 'string' || MADE_UP.test(dim);

/** Names of axes along which a sample goes on: time, tokens, points, layers. */
const WITHIN_SAMPLE =
  /^(t|l|s|k|d)$|time|seq|len|frame|step|past|token|point|box|layer|head|chunk|window|audio|num_|channel|height|width/i;

/** Whether a model leaves a dimension open. */
export const isOpenDim = (dim: Dim): boolean => typeof dim !== 'number' || dim < 0;

/** Whether a dimension is the batch by its name. */
export const isBatchName = (dim: Dim): boolean =>
  typeof dim === 'string' && (BATCH.test(dim) || BATCH_LETTER.test(dim)) && !/[+*/-]/.test(dim);

/**
 * Say of each input which of its axes is the batch: the one that has the batch's name, or its fixed size. It need not be
 * the first one: the state of a recurrent network is [layers, batch, features].
 *
 * @returns the inputs in their order, each with its `batchAxis`
 */
export function withBatchAxes<T extends Shaped>(inputs: readonly T[]): (T & Pick<InputSpec, 'batchAxis'>)[] {
  const names = batchNames(inputs);
  const fixed = fixedBatch(inputs, names);
  return inputs.map((input) => ({ ...input, batchAxis: axisOf(input, names, fixed) }));
}

/** What the batch is called: all names that say so, or else the names on the first axes. */
function batchNames(inputs: readonly Shaped[]): ReadonlySet<Dim> {
  const named = inputs.flatMap(({ shape }) =>
    (shape ?? []).filter((dim, axis) => isBatchName(dim) && (axis === 0 || !BATCH_LETTER.test(String(dim)))),
  );
  const first = inputs.flatMap(({ shape }) => shape?.slice(0, 1) ?? []);
  const madeUp = first.filter((dim) => typeof dim === 'string' && MADE_UP.test(dim));
  if (named.length > 0) return new Set([...named, ...madeUp]);
  const names = new Set(first.filter((dim) => typeof dim === 'string' && !WITHIN_SAMPLE.test(dim)));
  const isOfAll = inputs.every(
    ({ shape }) => (shape?.length ?? 0) < 2 || shape?.some((dim) => names.has(dim)),
  );
  const shared = isOfAll ? [] : sharedNames(inputs);
  return shared.length > 0 ? new Set(shared) : names;
}

/** Names that stand in every input of several, as `s1` does in [s0, s1, 10] and a state [2, s1, 16] where time comes first. */
function sharedNames(inputs: readonly Shaped[]): Dim[] {
  const [first, ...others] = inputs.flatMap(({ shape }) => (shape && shape.length > 1 ? [shape] : []));
  if (!first || others.length === 0) return [];
  return first.filter(
    (dim) =>
      typeof dim === 'string' && !WITHIN_SAMPLE.test(dim) && others.every((shape) => shape.includes(dim)),
  );
}

/**
 * The samples that a run of fixed batch takes: the first axis of the first input that is no list; 1 where it is open, or
 * where another input has no axis of that size and all have one of 1, as [6, 1, 10] and a state [2, 1, 16] with time first.
 */
function fixedBatch(inputs: readonly Shaped[], names: ReadonlySet<Dim>): number {
  if (names.size > 0) return 1;
  const shapes = inputs.flatMap(({ shape }) => (shape && shape.length > 0 ? [shape] : []));
  const tensors = shapes.filter(({ length }) => length > 1);
  const dim = (tensors[0] ?? shapes[0])?.[0];
  if (typeof dim !== 'number' || dim <= 0) return 1;
  const isOfAll = (size: number) => tensors.every((shape) => shape.includes(size));
  return !isOfAll(dim) && isOfAll(1) ? 1 : dim;
}

function axisOf({ shape }: Shaped, names: ReadonlySet<Dim>, fixed: number): InputSpec['batchAxis'] {
  if (!shape) return 0;
  const named = shape.findIndex((dim) => names.has(dim));
  if (named >= 0) return named;
  const [first] = shape;
  if (shape.length > 0 && (first === fixed || (isOpenDim(first) && typeof first !== 'string'))) return 0;
  // Where no dimension has a name that says something, the one that is open is the batch, as in a state [2, ?, 128].
  const open = shape.flatMap((dim, axis) => (isOpenDim(dim) ? [axis] : []));
  if ([...names].every(saysNothing) && open.length === 1 && saysNothing(shape[open[0] ?? 0])) return open[0];
  const axes = shape.flatMap((dim, axis) => (dim === fixed ? [axis] : []));
  return axes.length === 1 ? axes[0] : 'none';
}

/** The axis of an input that holds its samples; undefined where there is none. */
export const batchAxisOf = ({ batchAxis = 0, shape }: InputSpec): number | undefined =>
  batchAxis === 'none' || shape?.length === 0 ? undefined : batchAxis;

/** The shape of one sample: that of the input without its batch axis; undefined where the rank is unknown. */
export function sampleShapeOf(input: InputSpec): InputSpec['shape'] {
  const axis = batchAxisOf(input);
  return input.shape?.filter((_, at) => at !== axis);
}

/** The input with each sample as a whole input: no axis of it is taken for the batch. */
export const asWhole = (input: InputSpec): InputSpec => ({ ...input, batchAxis: 'none' });

/** Dimensions with another one put in at an axis. */
export const withAxis = (dims: readonly number[], axis: number, size: number): number[] => [
  ...dims.slice(0, axis),
  size,
  ...dims.slice(axis),
];
