import { node } from '../../graph/model.js';
import { allocate, elementCount, type Feed, type NdArray } from '../../numerics/nd-array.js';
import type { Step, Walk } from '../walk.js';
import type { BlockGraph } from './block-graph.js';

/** What a block's samples may take in memory. It follows from the model alone, so that the result does, too. */
const BANK_BYTES = 512 * 2 ** 20;

/** A value on samples: [samples, …], or [samples, rows, …] where each sample has several rows along the first axis. */
export interface ValueBank {
  readonly samples: NdArray;
  readonly rowsPerSample: number;
}

/** What a block reads and should give, on samples, by the names of the values. */
export interface Banks {
  readonly count: number;
  /** The place of each sample in the source. */
  readonly places: readonly number[];
  readonly values: ReadonlyMap<string, ValueBank>;
}

/** The step of a walk that gathers what a block reads, on both sides, and what it gives in float. */
export function bankStep({
  block,
  inputs,
  outputs,
}: BlockGraph): Step & { readonly values: readonly string[] } {
  const values = [
    ...new Set([
      ...inputs.flatMap(({ quantized, float }) => [quantized, float]),
      ...outputs.map(({ float }) => float),
    ]),
  ];
  const results = values.map((_, at) => `${block.id}/bank_${at}`);
  const nodes = values.map((value, at) => node('Identity', [value], [results[at] as string]));
  return { values, needs: values, own: { nodes, constants: new Map() }, results };
}

/**
 * Run the step, and hold what it gives.
 *
 * @returns why there are none, where a value has no axis of samples
 */
export async function gatherBanks(walk: Walk, step: ReturnType<typeof bankStep>): Promise<Banks | string> {
  const building = new Map<string, { array: NdArray; rows: number; size: number }>();
  let limit = walk.samples.reduce((sum, samples) => sum + samples, 0);
  let count = 0;
  const places: number[] = [];
  const before = firsts(walk.samples);
  let problem: string | undefined;
  await walk.next(step, (results, chunk) => {
    if (problem !== undefined) return;
    const samples = walk.samples[chunk] ?? 1;
    const arrays = step.results.map((name) => results.get(name) as NdArray);
    const at = arrays.findIndex(({ dims }) => dims.length === 0 || (dims[0] ?? 0) % samples !== 0);
    if (at >= 0) {
      problem = `${step.values[at]} has no axis of samples`;
      return;
    }
    if (building.size === 0) {
      const bytes = arrays.reduce((sum, { data }) => sum + data.byteLength, 0) / samples;
      limit = Math.max(samples, Math.min(limit, Math.floor(BANK_BYTES / bytes)));
      arrays.forEach((array, i) => {
        building.set(step.values[i] as string, emptyBank(array, samples, limit));
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
    [...building].map(([name, { array, rows, size }]) => {
      const [, ...rest] = array.dims;
      const data = array.data.subarray(0, count * size) as NdArray['data'];
      return [name, { samples: { type: array.type, dims: [count, ...rest], data }, rowsPerSample: rows }];
    }),
  );
  return { count, places, values };
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
export function rowsOfBank({ samples, rowsPerSample }: ValueBank, from: number, count: number): NdArray {
  const { type, dims, data } = samples;
  const [, ...rest] = dims;
  const size = elementCount(rest);
  const own = rowsPerSample === 1 ? [count, ...rest] : [count * rowsPerSample, ...rest.slice(1)];
  return { type, dims: own, data: data.subarray(from * size, (from + count) * size) as NdArray['data'] };
}

/** A feed of a block's quantized side, for some samples. */
export function feedOf({ values }: Banks, { inputs }: BlockGraph, from: number, count: number): Feed {
  return Object.fromEntries(
    inputs.map(({ quantized }) => [quantized, rowsOfBank(values.get(quantized) as ValueBank, from, count)]),
  );
}
