import { createHash } from 'node:crypto';
import { type Inlined, inlineFunctions } from '../convert/inline-functions.js';
import { makeRunnable, READABLE_IR, READABLE_OPSETS } from '../convert/make-runnable.js';
import { widenModel } from '../convert/widen.js';
import { QuantizeError, reasonOf } from '../errors.js';
import { fingerprintOf, readWithFingerprint, refuseChanged } from '../files/open.js';
import { type Graph, type Model, opsetOf, subgraphsOf } from '../graph/model.js';
import { type Tensor, tensorBytes, typedLength } from '../graph/tensor.js';
import { DecodeError, decodeModel } from '../proto/decode.js';
import { encodeModel } from '../proto/encode.js';
import { metadataKeys } from '../version.js';
import { checkGraph } from './check-graph.js';
import { makeDense } from './dense-tensors.js';
import { readExternalData } from './external-data.js';
import { type GivenInputs, giveInputs } from './given-inputs.js';

/** What a model file begins with when git-lfs has not fetched it. */
const LFS_POINTER = 'version https://git-lfs';

/** A model as it was read. */
export interface LoadedModel {
  readonly path: string;
  /** SHA-256 of the .onnx file. */
  readonly sha256: string;
  /** Size of that file and of what its tensors take in other files. */
  readonly sizeBytes: number;
  /** The other files that tensors were read from. */
  readonly externalFiles: readonly string[];
  readonly model: Model;
  /** What a session of the float model is made of: the file's path, or its bytes as the runtime's versions have them. */
  readonly runs: string | Uint8Array;
  /** Whether it has other inputs than its file, as they were given. */
  readonly isGiven: boolean;
  /** Whether its 16-bit floats became float32. */
  readonly isWidened: boolean;
  /**
   * To be asked before what was made of it counts: the runtime opens the files by their names itself.
   *
   * @throws QuantizeError `file-changed` where one of the files is another than the one that was read
   */
  refuseChanged(): Promise<void>;
}

/**
 * Read the .onnx file of a float model, and the files beside it that its tensors stand in.
 *
 * @param path - the file
 * @param heldBytes - size from which on a tensor of another file is not held in memory
 * @param given - what is said of its inputs
 * @throws QuantizeError where it is no readable ONNX model of the versions above, or is quantized already
 */
export async function loadModel(
  path: string,
  heldBytes?: number,
  given: GivenInputs = {},
): Promise<LoadedModel> {
  const checkFloat = (model: Model) => {
    // Weights alone are stored with operators that float models have too.
    if (model.metadata.has(metadataKeys.tool)) throw new QuantizeError('made-by-this-tool', { path });
    checkNotQuantized(path, model.graph);
  };
  return readModel(path, heldBytes, checkFloat, given, {
    inline: (model) => inlineFunctions(model, path),
    widen: widenModel,
  });
}

/** The same for any model, quantized or not. */
export async function loadAnyModel(
  path: string,
  heldBytes?: number,
  given: GivenInputs = {},
): Promise<LoadedModel> {
  return readModel(path, heldBytes, () => {}, given, { inline: () => undefined, widen: () => false });
}

/**
 * @param check - what else the model must be; asked before its tensors are read
 * @param change - inlines its functions, and widens its 16-bit floats before it is run; each says whether there were any
 */
async function readModel(
  path: string,
  heldBytes: number | undefined,
  check: (model: Model) => void,
  given: GivenInputs,
  change: {
    readonly inline: (model: Model) => Inlined | undefined;
    readonly widen: (model: Model) => boolean;
  },
): Promise<LoadedModel> {
  const { bytes, fingerprint } = await readWithFingerprint(path);
  if (bytes.byteLength === 0) throw new QuantizeError('not-a-model', { path, reason: 'it is empty' });
  if (Buffer.from(bytes.subarray(0, LFS_POINTER.length)).toString('latin1') === LFS_POINTER) {
    throw new QuantizeError('not-a-model', { path, reason: 'it is a git-lfs pointer' });
  }
  let model: Model;
  try {
    // Folding frees each tensor that it replaces: a view would keep the whole file.
    model = decodeModel(bytes, 'copies');
  } catch (thrown) {
    if (!(thrown instanceof DecodeError)) throw thrown;
    throw new QuantizeError('not-a-model', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
  checkVersions(path, model);
  check(model);
  const external = await readExternalData(path, model, heldBytes);
  model = makeDense(path, model, (name, tensor) => checkTensor(path, name, tensor));
  checkTensors(path, model.graph);
  checkGraph(path, model);
  const inlined = change.inline(model);
  if (inlined) check(model);
  const isLowered = makeRunnable(model, path);
  const isGiven = giveInputs(model, given);
  const isWidened = change.widen(model);
  // The runtime inlines functions of the file itself, but does not convert them.
  const isOther = isLowered || isGiven || isWidened || inlined === 'converted';
  const runs = isOther ? encodeModel(model) : path;
  const sizeBytes = bytes.byteLength + external.sizeBytes;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const refuseOther = async () => {
    refuseChanged(path, fingerprint, await fingerprintOf(path));
    external.refuseChanged();
  };
  return {
    ...{ path, sha256, sizeBytes, externalFiles: external.files, model, runs, isGiven, isWidened },
    refuseChanged: refuseOther,
  };
}

function checkVersions(path: string, model: Model): void {
  const { irVersion } = model;
  const opset = opsetOf(model);
  // Bytes that happen to parse carry no version: tell a stranger's file from an old model.
  if (irVersion < READABLE_IR.oldest) {
    throw new QuantizeError('not-a-model', { path, reason: `its IR version is ${irVersion}` });
  }
  const supported = (range: { oldest: number; newest: number }) => `${range.oldest} to ${range.newest}`;
  if (irVersion > READABLE_IR.newest) {
    const facts = { path, what: 'IR version', found: irVersion, supported: supported(READABLE_IR) };
    throw new QuantizeError('model-too-new', facts);
  }
  if (opset > READABLE_OPSETS.newest) {
    throw new QuantizeError('model-too-new', {
      path,
      what: 'opset',
      found: opset,
      supported: supported(READABLE_OPSETS),
    });
  }
  if (opset < READABLE_OPSETS.oldest) throw new QuantizeError('model-too-old', { path, found: opset });
}

/** The elements that a tensor says it has must be there: a physical invariant that a hostile or cut file breaks. */
function checkTensors(path: string, graph: Graph): void {
  for (const [name, tensor] of graph.initializers) checkTensor(path, name, tensor);
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'tensor') checkTensor(path, node.id, attribute.value);
    }
    for (const subgraph of subgraphsOf(node)) checkTensors(path, subgraph);
  }
}

function checkTensor(path: string, name: string, tensor: Tensor): void {
  const { storage } = tensor;
  if (storage.kind === 'external') throw new Error(`tensor "${name}" was not read`);
  // A range was measured when it was found.
  if (storage.kind === 'range') return;
  const [found, needed, unit] =
    storage.kind === 'raw'
      ? [storage.bytes.byteLength, tensorBytes(tensor), 'bytes']
      : [storage.values.length, typedLength(tensor), 'values'];
  if (found !== needed) {
    const reason = `tensor "${name}" has ${found} ${unit} where its shape needs ${needed}`;
    throw new QuantizeError('model-malformed', { path, reason });
  }
}

/** Operators that only a quantized model has, of the default domain and of onnxruntime's own. */
const quantizedOp =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantize.*|QLinear.*|QOrdered.*|QGemm|QAttention|QMoE|QEmbedLayerNormalization|ConvInteger.*|MatMulInteger.*|MatMulNBits|MatMulBnb4|MatMulFpQ4|GatherBlockQuantized)$/;

function checkNotQuantized(path: string, graph: Graph): void {
  const [first, ...others] = graph.nodes.filter((node) => quantizedOp.test(node.opType));
  if (first)
    throw new QuantizeError('already-quantized', { path, count: 1 + others.length, opType: first.opType });
  for (const node of graph.nodes) for (const subgraph of subgraphsOf(node)) checkNotQuantized(path, subgraph);
}
