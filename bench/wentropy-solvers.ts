import { foldModel } from '../src/fold/fold-model.js';
import { linearLayerOf } from '../src/graph/linear-layer.js';
import { floatsOf } from '../src/graph/tensor.js';
import { loadModel } from '../src/load/load-model.js';
import { splitChannels } from '../src/quantize/schemes/channels.js';
import { sortMagnitudes } from '../src/quantize/schemes/sorted-magnitudes.js';
import { exactClusters, searchClusters, weightedEntropy } from '../src/quantize/schemes/weighted-entropy.js';

type Solver = typeof exactClusters;

/**
 * Weighted entropy by the exact solver and by the paper's search, on every layer of a model: the objective S, and the time.
 *
 *     npm run bench:wentropy -- MODEL.onnx [BITS]
 *
 * S is the sum over both signs of a codebook, the mean over the codebooks of a layer: one for the tensor, and one for each channel.
 */
async function main(path: string, bits: number): Promise<void> {
  const { model } = await loadModel(path);
  await foldModel(model);
  console.log(
    '| layer | weights | tensor: S exact | above search | ms exact | search | channels: S exact | above search |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const node of model.graph.nodes) {
    const layer = linearLayerOf(model.graph, node);
    if (!layer) continue;
    const values = floatsOf(layer.weight);
    const whole = compare([values], bits);
    const channels = compare(
      splitChannels({ values, dims: layer.weight.dims, axis: layer.outputAxis }),
      bits,
    );
    const percent = ({ exact, search }: Comparison) => `${(100 * (exact / search - 1)).toFixed(3)} %`;
    const cells = [
      node.id,
      values.length,
      whole.exact.toExponential(4),
      percent(whole),
      whole.exactMs.toFixed(1),
      whole.searchMs.toFixed(1),
      channels.exact.toExponential(4),
      percent(channels),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

interface Comparison {
  readonly exact: number;
  readonly search: number;
  readonly exactMs: number;
  readonly searchMs: number;
}

/** Both solvers on some codebooks: S summed over signs, averaged over codebooks, and the time of all. */
function compare(books: readonly Float32Array[], bits: number): Comparison {
  const signs = books.flatMap((book) => [
    Float64Array.from(
      book.filter((w) => w < 0),
      Math.abs,
    ),
    Float64Array.from(book.filter((w) => w >= 0)),
  ]);
  const sorted = signs.map((magnitudes) => sortMagnitudes(magnitudes));
  const run = (solve: Solver) => {
    const started = performance.now();
    const boundaries = sorted.map((each) => solve(each, 2 ** (bits - 1)));
    const ms = performance.now() - started;
    const sum = sorted.reduce(
      (s, each, i) => s + (each.values.length ? weightedEntropy(each, boundaries[i] as Int32Array) : 0),
      0,
    );
    return { ms, value: sum / books.length };
  };
  const [exact, search] = [run(exactClusters), run(searchClusters)];
  return { exact: exact.value, search: search.value, exactMs: exact.ms, searchMs: search.ms };
}

const [, , path, bits = '4'] = process.argv;
if (!path) throw new Error('usage: npm run bench:wentropy -- MODEL.onnx [BITS]');
await main(path, Number(bits));
