import type { Steps } from '../../derive/steps.js';
import { node } from '../../graph/model.js';
import { allocate, bytesOfArrays, elementCount, type Feed, type NdArray } from '../../numerics/nd-array.js';
import type { Step, Walk } from '../walk.js';
import type { BlockGraph } from './block-graph.js';
import { orderOf, type SampleAxis, withAxisAt } from './sample-axes.js';
import type { Side } from './settings.js';

/** What a block's samples may take in memory. It follows from the model alone, so that the result does, too. */
const BANK_BYTES = 512 * 2 ** 20;

/**
 * A value on samples: [samples, …], or [samples, rows, …] where each sample has several rows along the first axis. The model
 * has the samples along `axis`.
 */
export interface ValueBank {
  readonly samples: NdArray;
  readonly rowsPerSample: number;
  readonly axis: number;
}

/** What a block reads and should give, on samples, by the names of the values. */
export interface Banks {
  readonly count: number;
  /** The place of each sample in the source. */
  readonly places: readonly number[];
  readonly values: ReadonlyMap<string, ValueBank>;
}

/**
 * The step of a walk that gathers what a block reads, on both sides, and what it gives in float.
 *
 * @param side - which one gives what the quantized block reads; with `float` that one alone is run
 */
export function bankStep({ block, inputs, outputs }: BlockGraph, side: Side): BankStep {
  const isFloat = side === 'float';
  const floats = new Map([
    ...inputs.flatMap(({ quantized, float }) => [
      [quantized, float] as const,
      ...(isFloat ? [] : [[float, float] as const]),
    ]),
    ...outputs.map(({ float }) => [float, float] as const),
  ]);
  const values = [...floats.keys()];
  const needs = isFloat ? [...floats.values()] : values;
  const results = values.map((_, at) => `${block.id}/bank_${at}`);
  const nodes = needs.map((value, at) => node('Identity', [value], [results[at] as string]));
  return { values, floats, needs, own: { nodes, constants: new Map() }, results };
}

export interface BankStep extends Step {
  readonly values: readonly string[];
  /** The float value that each is of the shape of. */
  readonly floats: ReadonlyMap<string, string>;
}

/**
 * Run the step, and hold what it gives.
 *
 * @returns why there are none, where a value has no axis of samples
 */
export async function gatherBanks(walk: Walk, step: BankStep, axisOf: SampleAxis): Promise<Banks | string> {
  const building = new Map<string, Building>();
  let limit = walk.samples.reduce((sum, samples) => sum + samples, 0);
  let count = 0;
  const places: number[] = [];
  const before = firsts(walk.samples);
  let problem: string | undefined;
  await walk.next(step, (results, chunk) => {
    if (problem !== undefined) return;
    const samples = walk.samples[chunk] ?? 1;
    const found = step.results.map((name) => results.get(name) as NdArray);
    const axes = step.values.map((value, i) => {
      const known = building.get(value);
      return known ? known.axis : axisOf(step.floats.get(value) ?? value, found[i]?.dims ?? [], samples);
    });
    const at = axes.indexOf(undefined);
    if (at >= 0) {
      problem = `${step.values[at]} has no axis of samples`;
      return;
    }
    const arrays = found.map((array, i) => withAxisAt(array, axes[i] ?? 0, 0));
    if (building.size === 0) {
      const bytes = bytesOfArrays(arrays) / samples;
      limit = Math.max(samples, Math.min(limit, Math.floor(BANK_BYTES / bytes)));
      arrays.forEach((array, i) => {
        building.set(step.values[i] as string, { ...emptyBank(array, samples, limit), axis: axes[i] ?? 0 });
      });
    }
    const fits = arrays.every((array, i) => {
      const bank = building.get(step.values[i] as string);
      return bank && elementCount(array.dims) === bank.size * samples;
    });
    // Samples of another shape than the first cannot share a step with them.
    const taken = fits ? Math.min(samples, limit - count) : 0;
    if (taken === 0) return;
    arrays.forEach((array, i) => {
      const bank = building.get(step.values[i] as string);
      if (!bank) return;
      const rows = array.data.subarray(0, taken * bank.size);
      (bank.array.data as { set(from: typeof rows, at: number): void }).set(rows, count * bank.size);
    });
    for (let row = 0; row < taken; row++) places.push((before[chunk] ?? 0) + row);
    count += taken;
  });
  if (problem !== undefined) return problem;
  const values = new Map(
    [...building].map(([name, { array, rows, size, axis }]) => {
      const [, ...rest] = array.dims;
      const data = array.data.subarray(0, count * size) as NdArray['data'];
      const samples = { type: array.type, dims: [count, ...rest], data };
      return [name, { samples, rowsPerSample: rows, axis }];
    }),
  );
  return { count, places, values };
}

/** A bank that fills: [most samples, …], and the elements of one sample. */
interface Building {
  readonly array: NdArray;
  readonly rows: number;
  readonly size: number;
  readonly axis: number;
}

/** The place of the first sample of each chunk. */
function firsts(samples: readonly number[]): number[] {
  let sum = 0;
  return samples.map((count) => {
    sum += count;
    return sum - count;
  });
}

function emptyBank({ type, dims }: NdArray, samples: number, limit: number) {
  const [first = samples, ...rest] = dims;
  const rows = first / samples;
  const size = elementCount(rest) * rows;
  const whole = rows === 1 ? [limit, ...rest] : [limit, rows, ...rest];
  return { array: { type, dims: whole, data: allocate(type, limit * size) }, rows, size };
}

/** Some samples of a value, as the model has them. */
export function rowsOfBank(
  { samples, rowsPerSample, axis }: ValueBank,
  from: number,
  count: number,
): NdArray {
  const { type, dims, data } = samples;
  const [, ...rest] = dims;
  const size = elementCount(rest);
  const own = rowsPerSample === 1 ? [count, ...rest] : [count * rowsPerSample, ...rest.slice(1)];
  const rows = {
    type,
    dims: own,
    data: data.subarray(from * size, (from + count) * size) as NdArray['data'],
  };
  return withAxisAt(rows, 0, axis);
}

/** The same in a graph: what is taken of a bank, [batch, …], as the model has it. */
export function asInModel(
  steps: Steps,
  taken: string,
  { samples, rowsPerSample, axis }: ValueBank,
  batch: number,
): string {
  const { dims } = samples;
  if (axis > 0) return steps.transpose(taken, orderOf(dims.length, 0, axis));
  return rowsPerSample === 1 ? taken : steps.reshape(taken, [batch * rowsPerSample, ...dims.slice(2)]);
}

/** A feed of a block's quantized side, for some samples. */
export function feedOf({ values }: Banks, { inputs }: BlockGraph, from: number, count: number): Feed {
  return Object.fromEntries(
    inputs.map(({ quantized }) => [quantized, rowsOfBank(values.get(quantized) as ValueBank, from, count)]),
  );
}
