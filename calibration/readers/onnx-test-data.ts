import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { readWhole } from '../../src/files/open.js';
import { arraySet } from '../array-set.js';
import { asWhole, batchAxisOf, isBatchName } from '../batch-axis.js';
import { concatenateSets, type SampleSet, zipSets } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import { type SlicedArray, slicesOf } from '../stored-array.js';
import type { NamedArray, Reader, ReadRequest, TensorDecoder } from './reader.js';

const INPUT_FILE = /^input_(\d+)\.pb$/;

/**
 * Folders as ONNX's own tests have them: `input_0.pb`, `input_1.pb`, …, the inputs of one run a folder. It is a batch of
 * samples where every input has an axis that is the batch by its name or its fixed size; otherwise it is one sample.
 */
export const onnxTestDataReader: Reader = {
  name: 'ONNX test data',
  summary: 'folders of input_N.pb',
  accepts: async ({ path, isFolder }) => isFolder && (await testFolders(path)).length > 0,
  async read(request: ReadRequest): Promise<SampleSet> {
    if (!request.decodeTensor) throw new Error('ONNX test data needs a decoder');
    const files = decodedFiles(request.decodeTensor);
    const sets: SampleSet[] = [];
    for (const folder of await testFolders(request.path)) sets.push(await folderSet(folder, request, files));
    return { ...concatenateSets(sets), label: basename(request.path) };
  },
};

interface TestFolder {
  readonly path: string;
  /** The numbers of its input files, ascending. */
  readonly inputs: readonly number[];
}

/** The folder itself, or those in it, that hold inputs; `test_data_set_2` stands before `test_data_set_10`. */
async function testFolders(path: string): Promise<TestFolder[]> {
  const own = await inputNumbers(path);
  if (own.length > 0) return [{ path, inputs: own }];
  const names = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort((a, b) => numberIn(a) - numberIn(b) || (a < b ? -1 : 1));
  const folders: TestFolder[] = [];
  for (const name of names) {
    const inputs = await inputNumbers(join(path, name));
    if (inputs.length > 0) folders.push({ path: join(path, name), inputs });
  }
  return folders;
}

/** The number at the end of a name; names without one come first. */
const numberIn = (name: string): number => Number(/(\d+)$/.exec(name)?.[1] ?? -1);

async function inputNumbers(folder: string): Promise<number[]> {
  return (await readdir(folder))
    .flatMap((name) => INPUT_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

async function folderSet(
  folder: TestFolder,
  { inputs, preprocess }: ReadRequest,
  read: ReadTensor,
): Promise<SampleSet> {
  const tensors: { number: number; path: string; name: string; array: SlicedArray }[] = [];
  for (const number of folder.inputs) {
    const path = join(folder.path, `input_${number}.pb`);
    const { name, array } = await read(path);
    // Only the shape is kept; the elements are read again for the samples.
    const sliced = slicesOf(array.type, array.dims, async () => (await read(path)).array.data);
    tensors.push({ number, path, name, array: sliced });
  }
  const pairs = inputs.map((input, index) => {
    // By name where the files name the inputs, and otherwise by number, as ONNX's own runner takes them.
    const found =
      tensors.find(({ name }) => name === input.name) ?? tensors.find(({ number }) => number === index);
    if (!found) throw inputMissing(folder.path, input, tensors);
    return { input, found };
  });
  const isBatch = holdsSamples(pairs.map(({ input, found }) => ({ input, dims: found.array.dims })));
  const sets = pairs.map(({ input, found: { path, array } }) => {
    const isRun = !isBatch && array.dims.length === input.shape?.length;
    return isRun
      ? arraySet(path, array.asEntry(), asWhole(input), preprocess)
      : arraySet(path, array, input, preprocess, isBatch ? 'as-input' : undefined);
  });
  return zipSets(sets);
}

/** Whether the tensors of one run are samples side by side: as many in each, along axes that are surely the batch. */
function holdsSamples(pairs: readonly { input: InputSpec; dims: readonly number[] }[]): boolean {
  const counts = pairs.map(({ input, dims }) => {
    const axis = batchAxisOf(input);
    const dim = input.shape?.[axis ?? -1];
    const isSure = axis !== undefined && (typeof dim === 'number' || isBatchName(dim));
    return isSure && dims.length === input.shape?.length ? dims[axis] : undefined;
  });
  return counts.every((count) => count !== undefined && count === counts[0]);
}

function inputMissing(
  path: string,
  input: InputSpec,
  tensors: readonly { number: number; name: string }[],
): QuantizeError {
  const found = tensors.map(({ number, name }) => `input_${number}.pb "${name}"`).join(', ');
  return new QuantizeError('data-input-missing', { path, input: input.name, found });
}

/** The tensor of a file. */
type ReadTensor = (path: string) => Promise<NamedArray>;

/** Decodes files; those of the folder that was read last are at hand. */
function decodedFiles(decode: TensorDecoder): ReadTensor {
  let folder: string | undefined;
  const kept = new Map<string, NamedArray>();
  return async (path) => {
    if (dirname(path) !== folder) kept.clear();
    folder = dirname(path);
    const tensor = kept.get(path) ?? decodeBytes(path, await readWhole(path), decode);
    kept.set(path, tensor);
    return tensor;
  };
}

function decodeBytes(path: string, bytes: Uint8Array, decode: TensorDecoder): NamedArray {
  try {
    return decode(bytes);
  } catch (thrown) {
    const mend = 'Write it with onnx.numpy_helper.from_array(array, name).SerializeToString().';
    const reason = `it holds no tensor that can be read: ${reasonOf(thrown)}`;
    throw new QuantizeError('data-format', { path, reason, mend });
  }
}
