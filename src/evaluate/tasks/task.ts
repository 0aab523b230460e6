import type { Feed } from '../../numerics/nd-array.js';
import type { ClassAxis } from '../class-axes.js';
import type { MetricArray, MetricBatch } from '../user-metric.js';
import type { Box } from './picture.js';

/** What a task gets of one run of both models: that of a user's module, and what went in. */
export interface TaskBatch extends MetricBatch {
  readonly inputs: Feed;
  /** Of the picture that went in, in pixels; undefined where no input is one. */
  readonly size: { readonly height: number; readonly width: number } | undefined;
}

/** What is drawn over a sample: boxes of both models, or the places where their classes differ. */
export type Overlay =
  | { readonly kind: 'boxes'; readonly float: readonly Box[]; readonly quantized: readonly Box[] }
  | { readonly kind: 'mask'; readonly width: number; readonly height: number; readonly differs: Uint8Array };

/** A sample that is worth a look, the more the larger `worth`. */
export interface Sight {
  /** Its place in the run. */
  readonly row: number;
  readonly worth: number;
  readonly overlay: Overlay;
}

/** One comparison: the same contract as a user's module, and samples to look at besides. */
export interface TaskMeter {
  add(batch: TaskBatch): readonly Sight[] | undefined;
  result(): Readonly<Record<string, { readonly float: number; readonly quantized: number }>>;
}

/** What a task's meter gave, by name; null is no finite number. */
export type TaskNumbers = Readonly<
  Record<string, { readonly float: number | null; readonly quantized: number | null } | undefined>
>;

/** The numbers of the quantized model; undefined where one of them is none. */
export function quantizedOf(numbers: TaskNumbers, ...names: readonly string[]): number[] | undefined {
  const found = names.flatMap((name) => numbers[name]?.quantized ?? []);
  return found.length === names.length ? found : undefined;
}

/** A share in per cent, to four digits at most: 99.87 %, 8.2 %. */
export const percent = (share: number): string => `${Number((100 * share).toPrecision(4))} %`;

/** What tells that a model is one for a task, for who decides on it. */
export interface Finding {
  /** What was seen, with shapes and numbers; no whole sentence. */
  readonly evidence: string;
  /** Whether nothing else looks so. */
  readonly isSure: boolean;
  /** What the metric counts on the samples looked at, where it counts few things: each changes it by a share. */
  readonly things?: number | undefined;
}

/** Looks at what the float model gives, run by run. */
export interface SignMeter {
  add(batch: TaskBatch): void;
  /** Undefined where the model is none for the task. */
  finding(): Finding | undefined;
}

/** A metric that is named, not written: what a task asks of a model. */
export interface Task {
  readonly name: string;
  readonly summary: string;
  make(): TaskMeter;
  /**
   * Whether a model is one for it, by what the float model gives; missing where that cannot be told.
   *
   * @param classes - where the graph says that outputs have classes, by their names
   */
  signs?(classes: ReadonlyMap<string, ClassAxis>): SignMeter;
  /** What its numbers mean, in a sentence for who knows none of them; undefined where they could not be had. */
  meaning(numbers: TaskNumbers): string | undefined;
}

/** Why a task does not fit a model; it ends the run. */
export class UnfitTask extends Error {}

export type { Box };

type Outputs = Readonly<Record<string, MetricArray>>;

/** The first output that is wanted, by its name. */
export function outputFor(outputs: Outputs, wanted: (array: MetricArray) => boolean, asked: string): string {
  const found = Object.entries(outputs).find(([, array]) => wanted(array));
  if (found) return found[0];
  throw unfitOutputs(outputs, asked);
}

/** That no output is what was asked for. */
export function unfitOutputs(outputs: Outputs, asked: string): UnfitTask {
  const shapes = Object.entries(outputs).map(([name, array]) => shown(name, array));
  return new UnfitTask(`it needs ${asked}; the model has ${shapes.join(', ')}`);
}

/** One output of both models. */
export const bothOf = (
  { float, quantized }: MetricBatch['outputs'],
  name: string,
): [float: MetricArray, quantized: MetricArray] => [
  float[name] as MetricArray,
  quantized[name] as MetricArray,
];

/** An output as a person is told of it: its name and its shape. */
export const shown = (name: string, { dims }: Pick<MetricArray, 'dims'>): string =>
  `${name} [${dims.join(', ')}]`;

/** A measure against the float model, which is all of it. */
export const againstFloat = (quantized: number) => ({ float: 1, quantized });

/** What is largest of a stretch of numbers. */
export function argmaxAt(data: ArrayLike<number>, start: number, length: number, stride = 1): number {
  let best = 0;
  for (let i = 1; i < length; i++)
    if ((data[start + i * stride] as number) > (data[start + best * stride] as number)) best = i;
  return best;
}
