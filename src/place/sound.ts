import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import { floatsOf, type Tensor } from '../graph/tensor.js';
import { elementCount } from '../numerics/nd-array.js';

/** Kernels that learn features of one channel are shorter; those of a Fourier transform are 200 and longer. */
const LONGEST_FEATURE = 64;

/** Rows that are looked at, where a weight may be the matrix of a transform: of longer ones only these. */
const ROWS = 8;
const LONGEST_ROW = 4096;

/** A sine keeps this share of its energy in so many neighbouring frequencies: 0.99 with a Hann window, 0.85 once trained on. */
const TONE_SHARE = 0.75;
const TONE_BINS = 5;

/**
 * Layers whose inputs have a range far beyond 8 bits, and why: sound falls 60 dB from word to pause, and its spectrum twice
 * as far from the first harmonic to the last.
 *
 * - A Conv with kernels of more than 64 samples on one channel, and any layer whose rows are windowed sines: a short-time
 *   Fourier transform.
 * - What reads its magnitudes or powers before a logarithm has brought them together: the filters of a mel spectrogram.
 */
export function soundLayers(graph: Graph): ReadonlyMap<Node, string> {
  const found = new Map<Node, string>();
  const waves = new Set<string>();
  const spectra = new Set<string>();
  for (const node of graph.nodes) {
    const linear = linearLayerOf(graph, node);
    if (linear) {
      const length = transformLength(linear);
      if (length !== undefined) {
        found.set(node, `rows of ${length} samples, as a Fourier transform has`);
        for (const output of node.outputs) waves.add(output);
      } else if (spectra.has(inputAt(node, 0) ?? '')) {
        found.set(node, 'it reads a spectrum before its logarithm');
      }
      continue;
    }
    if (isOp(node, 'Log')) continue;
    const reads = (values: ReadonlySet<string>) => node.inputs.some((value) => values.has(value));
    const gives =
      reads(spectra) || (reads(waves) && isMagnitude(node)) ? spectra : reads(waves) ? waves : undefined;
    for (const output of node.outputs) gives?.add(output);
  }
  return found;
}

/** Why a layer is kept whose rows are tones. */
export const TRANSFORM = 'its rows are the tones of a Fourier transform: kept in 16 bits';

/**
 * Layers whose rows are windowed sines. Their weights are kept, too: rounded to 8 bits, a tone leaks into every other
 * frequency 45 dB below it, which is louder than a pause or what stands beside a vowel, and a logarithm brings it up.
 */
export function toneLayers(graph: Graph): ReadonlySet<Node> {
  return new Set(
    graph.nodes.filter((node) => {
      const linear = linearLayerOf(graph, node);
      return linear !== undefined && isTransform(linear);
    }),
  );
}

const isMagnitude = (node: Node): boolean =>
  isOp(node, 'Abs', 'Pow', 'ReduceL2', 'ReduceSumSquare', 'Sqrt') ||
  (isOp(node, 'Mul') && node.inputs[0] === node.inputs[1]);

/** Whether a weight is the matrix of a transform, by the weight: every recipe that is placed asks for the same ones. */
const transforms = new WeakMap<Tensor, boolean>();

/** The samples in a row of a layer that transforms sound; undefined for any other layer. */
function transformLength(layer: LinearLayer): number | undefined {
  const { node, weight, inputChannels } = layer;
  const taps = tapsOf(layer);
  if (taps === undefined) return undefined;
  if (isOp(node, 'Conv') && inputChannels === 1) return longAxes(weight) === 1 ? taps : undefined;
  return isTransform(layer) ? taps : undefined;
}

const longAxes = ({ dims }: Tensor): number => dims.slice(2).filter((size) => size !== 1).length;

/** The samples in a row of a layer that could transform sound, more than those of a learned feature. */
function tapsOf({ node, weight, outputChannels, groups }: LinearLayer): number | undefined {
  const taps = elementCount(weight.dims) / outputChannels;
  return isOp(node, 'ConvTranspose') || groups !== 1 || taps <= LONGEST_FEATURE ? undefined : taps;
}

/** Whether a layer's rows are tones. */
function isTransform(layer: LinearLayer): boolean {
  const { weight, inputChannels, outputChannels } = layer;
  const taps = tapsOf(layer);
  if (taps === undefined || taps > LONGEST_ROW || outputChannels <= 1) return false;
  if (longAxes(weight) > (inputChannels === 1 ? 1 : 0)) return false;
  const known = transforms.get(weight) ?? hasTones(layer, taps);
  transforms.set(weight, known);
  return known;
}

/** Whether the rows that are looked at are tones, all but one: the sine of frequency 0 is a row of zeros. */
function hasTones({ weight, outputChannels, outputAxis }: LinearLayer, taps: number): boolean {
  const values = floatsOf(weight);
  const count = Math.min(ROWS, outputChannels);
  const angles = Array.from({ length: taps }, (_, n) => (2 * Math.PI * n) / taps);
  const waves = { cosines: Float64Array.from(angles, Math.cos), sines: Float64Array.from(angles, Math.sin) };
  let others = 0;
  for (let i = 0; i < count && others < 2; i++) {
    const row = Math.floor(((i + 0.5) * outputChannels) / count);
    const samples = Float64Array.from({ length: taps }, (_, tap) =>
      Number(outputAxis === 0 ? values[row * taps + tap] : values[tap * outputChannels + row]),
    );
    if (!isTone(samples, waves)) others++;
  }
  return others < 2;
}

/** One period of a cosine and of a sine, in as many places as a row has. */
interface Waves {
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
}

/** Whether one frequency has nearly all the energy of a row. */
function isTone(row: Float64Array, { cosines, sines }: Waves): boolean {
  const { length } = row;
  const half = Math.floor(length / 2) + 1;
  const power = new Float64Array(half);
  for (let k = 0; k < half; k++) {
    let [re, im] = [0, 0];
    for (let n = 0, at = 0; n < length; n++) {
      re += (row[n] as number) * (cosines[at] as number);
      im += (row[n] as number) * (sines[at] as number);
      at = at + k < length ? at + k : at + k - length;
    }
    power[k] = re * re + im * im;
  }
  const total = power.reduce((sum, each) => sum + each, 0);
  const peak = power.reduce((best, each, k) => (each > (power[best] as number) ? k : best), 0);
  const reach = (TONE_BINS - 1) / 2;
  const near = power
    .subarray(Math.max(0, peak - reach), peak + reach + 1)
    .reduce((sum, each) => sum + each, 0);
  return total > 0 && near >= TONE_SHARE * total;
}
