import type { SampleSource } from '../../calibration/source.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, isOp, type Model, type Node } from '../graph/model.js';
import { indexUses, type Uses } from '../graph/uses.js';
import { withModel } from '../load/with-model.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { rowsOf } from './drift.js';

/** How samples differ from those that a model was trained on, and what the inputs hold. */
export interface InputFit {
  /** At the first BatchNormalization behind an input; undefined where there is none that could tell. */
  readonly norm: NormFit | undefined;
  /** Float inputs of pictures' shape that hold whole numbers from 0 to 255 alone. */
  readonly pixels: readonly string[];
}

/** What a BatchNormalization expects of its channels, against what the samples give. */
export interface NormFit {
  readonly input: string;
  /** Deviation that the samples give as a multiple of the one expected, the median of the channels. */
  readonly spread: number;
  /** Distance of the means in expected deviations, the median of the channels. */
  readonly shift: number;
  /** Divergence of what the samples give from what is expected, in nats, the median of the channels. */
  readonly divergence: number;
}

/** Samples that are looked at: means and deviations over all places of a picture settle soon. */
const SAMPLES = 16;

/** Operators before the first layer: more are no preparation of the input any more. */
const MOST_BEFORE = 8;

/** A mean and a deviation take so many elements of a channel. */
const LEAST_ELEMENTS = 64;

/**
 * Whether samples are what a model expects, to judge by its first BatchNormalization: behind it every channel had mean β and
 * deviation |γ| over the training set (Ioffe and Szegedy 2015). Compared as normal distributions by the Kullback-Leibler
 * divergence, ½·(v/γ² + (m − β)²/γ² − 1 − ln v/γ²).
 *
 * @param model - the folded model, which knows what its BatchNormalizations made
 */
export async function inputFit(
  model: Model,
  source: SampleSource,
  { provider }: Pick<MachineOptions, 'provider'> = {},
): Promise<InputFit> {
  const uses = indexUses(model.graph);
  const first = firstNorm(model, uses);
  const pixels = new Map<string, boolean>();
  let done = 0;
  const look = async (run?: (feed: Readonly<Record<string, NdArray>>) => Promise<NdArray | undefined>) => {
    const channels: ChannelSums = { count: 0, sums: [], squares: [] };
    for await (const batch of source.open()) {
      for (const [name, value] of Object.entries(batch.feed))
        if (pixels.get(name) !== false) pixels.set(name, isPicture(value) && isPixels(rowsOf(value, batch)));
      const made = await run?.(batch.feed);
      if (made) addChannels(channels, { ...made, data: rowsOf(made, batch) });
      done += batch.samples;
      if (done >= SAMPLES) break;
    }
    return channels;
  };
  const settings = { mode: 'basic', threads: 1, provider, label: 'the float model' } as const;
  const seen = first
    ? await withModel(first.part, settings, (session) =>
        look(async (feed) => (await session.run(inputsOf(feed, first.part.graph))).get(first.value)),
      )
    : await look();
  const norm = first && fitOf(first, seen);
  return { norm, pixels: [...pixels].filter(([, holds]) => holds).map(([name]) => name) };
}

interface FirstNorm {
  readonly input: string;
  readonly value: string;
  readonly beta: Float32Array;
  readonly gamma: Float32Array;
  /** The model up to that value. */
  readonly part: Model;
}

/** The first layer with a BatchNormalization that nothing but preparation of one input stands before. */
function firstNorm(model: Model, uses: Uses): FirstNorm | undefined {
  const { graph, batchNorms } = model;
  for (const [value, { beta, gamma }] of batchNorms) {
    const layer = uses.producer(value);
    if (!layer || !isOp(layer, 'Conv') || !linearLayerOf(graph, layer)) continue;
    // As it was made, before any training: it has seen nothing.
    if (beta.every((b) => b === 0) && gamma.every((g) => g === 1)) continue;
    const before = nodesBefore(graph, uses, inputAt(layer, 0) ?? '');
    if (before?.inputs.length !== 1) continue;
    const nodes = new Set([...before.nodes, layer]);
    const part: Graph = {
      ...graph,
      nodes: graph.nodes.filter((node) => nodes.has(node)),
      inputs: graph.inputs.filter(({ name }) => before.inputs.includes(name)),
      outputs: [{ name: value, dataType: 'float32', shape: undefined }],
      initializers: new Map(
        [...graph.initializers].filter(([name]) => [...nodes].some(({ inputs }) => inputs.includes(name))),
      ),
      valueInfo: new Map(),
    };
    return { input: before.inputs[0] ?? '', value, beta, gamma, part: { ...model, graph: part } };
  }
  return undefined;
}

/** All that a value is made by, and the inputs of the model behind it; undefined where that is more than preparation. */
function nodesBefore(
  graph: Graph,
  uses: Uses,
  value: string,
): { nodes: Node[]; inputs: string[] } | undefined {
  const nodes = new Set<Node>();
  const inputs = new Set<string>();
  const waiting = [value];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const maker = uses.producer(name);
    if (!maker) {
      if (!graph.initializers.has(name)) inputs.add(name);
      continue;
    }
    const hasGraphs = [...maker.attributes.values()].some(({ kind }) => kind === 'graph');
    if (hasGraphs || linearLayerOf(graph, maker) || nodes.size >= MOST_BEFORE) return undefined;
    nodes.add(maker);
    waiting.push(...maker.inputs.filter((each) => each));
  }
  return { nodes: [...nodes], inputs: [...inputs] };
}

const inputsOf = (feed: Readonly<Record<string, NdArray>>, { inputs }: Graph) =>
  Object.fromEntries(inputs.flatMap(({ name }) => (feed[name] ? [[name, feed[name]] as const] : [])));

interface ChannelSums {
  count: number;
  readonly sums: number[];
  readonly squares: number[];
}

/** Sums over everything but axis 1. */
function addChannels(
  into: ChannelSums,
  { dims, data }: { readonly dims: readonly number[]; readonly data: ArrayLike<number> },
): void {
  const channels = dims[1] ?? 1;
  const inner = Math.max(1, elementCount(dims.slice(2)));
  for (let start = 0, c = 0; start < data.length; start += inner, c = (c + 1) % channels) {
    let [sum, square] = [into.sums[c] ?? 0, into.squares[c] ?? 0];
    for (let i = start; i < start + inner; i++) {
      const x = data[i] as number;
      sum += x;
      square += x * x;
    }
    into.sums[c] = sum;
    into.squares[c] = square;
  }
  into.count += channels === 0 ? 0 : data.length / channels;
}

function fitOf(
  { input, beta, gamma }: FirstNorm,
  { count, sums, squares }: ChannelSums,
): NormFit | undefined {
  if (count < LEAST_ELEMENTS) return undefined;
  // A channel that is switched off expects nothing.
  const least = 0.01 * gamma.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
  const found = [...gamma.keys()].flatMap((c) => {
    const [wanted, deviation] = [beta[c] ?? 0, Math.abs(gamma[c] ?? 0)];
    const mean = (sums[c] ?? 0) / count;
    const variance = Math.max((squares[c] ?? 0) / count - mean ** 2, 1e-12 * deviation ** 2);
    if (!(deviation > least) || !Number.isFinite(variance)) return [];
    const [ratio, shift] = [variance / deviation ** 2, Math.abs(mean - wanted) / deviation];
    return [{ spread: Math.sqrt(ratio), shift, divergence: (ratio + shift ** 2 - 1 - Math.log(ratio)) / 2 }];
  });
  if (found.length === 0) return undefined;
  const middle = (of: (each: (typeof found)[number]) => number): number =>
    found.map(of).sort((a, b) => a - b)[Math.floor(found.length / 2)] as number;
  return {
    input,
    spread: middle(({ spread }) => spread),
    shift: middle(({ shift }) => shift),
    divergence: middle(({ divergence }) => divergence),
  };
}

/** Whether it could be pictures: an axis of samples, one of channels, and two of places. */
/** Whether a value has the form of pictures in floats. */
export const isPicture = ({ type, dims }: NdArray): boolean => type.startsWith('float') && dims.length === 4;

/** A picture that is dark all over, of whole numbers, is a mask or a map of classes. */
const BRIGHT = 64;

/** Whether values are whole numbers from 0 to 255, and bright somewhere. */
export function isPixels(rows: ArrayLike<number>): boolean {
  let most = 0;
  for (let i = 0; i < rows.length; i++) {
    const x = rows[i] as number;
    if (!(x >= 0 && x <= 255) || x !== Math.floor(x)) return false;
    most = Math.max(most, x);
  }
  return most >= BRIGHT;
}
