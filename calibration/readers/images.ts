import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { type Fingerprint, readWithFingerprint } from '../../src/files/open.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { converterOf } from '../array-set.js';
import { batchAxisOf } from '../batch-axis.js';
import { loadDecoder, type PictureOptions, type PictureShape } from '../pictures.js';
import { describeShape, type Preprocess } from '../preprocess.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import { onlyInput } from './one-input.js';
import type { Reader, ReadRequest } from './reader.js';

const EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp'];

/** Pixels that are kept for the next pass, as bytes: every picture is looked at several times in one run. */
const KEPT_BYTES = 2 ** 26;

/**
 * Image files, one by one or all of a folder and those in it, in the order of their paths. Each is decoded when it is
 * asked for, and made the size that the model takes.
 */
export const imagesReader: Reader = {
  name: 'images',
  summary: 'a folder of jpg, png and webp files',
  accepts: ({ extension, isFolder }) => isFolder || EXTENSIONS.includes(extension),
  async read(request: ReadRequest): Promise<SampleSet> {
    const { path, preprocess, pictures = {} } = request;
    const input = onlyInput(request);
    const isFile = EXTENSIONS.includes(extname(path).toLowerCase());
    const [folder, names] = isFile ? [dirname(path), [basename(path)]] : [path, await imageNames(path)];
    if (names.length === 0) {
      const reason = 'the folder holds no images and no ONNX test data (input_N.pb)';
      const mend = `Give a folder with ${EXTENSIONS.join(', ')} files; those in folders inside it count too.`;
      throw new QuantizeError('data-format', { path, reason, mend });
    }
    const { shape, dims, isWhole } = shapeFor(path, input, preprocess, pictures);
    const spec: InputSpec = { ...input, shape: [undefined, ...dims], batchAxis: 0 };
    // The first axis of a picture's input is not always the batch: it may count the pictures of a sample.
    const isOneOfMany = input.shape?.length === 4 && batchAxisOf(input) !== 0;
    const how = preprocess && { ...preprocess, layout: shape.layout };
    const convert = converterOf(path, 'uint8', dims, spec, how);
    const decode = await loadDecoder();
    const seen = new Map<number, Fingerprint>();
    const pixels = keeping(elementCount(dims), async (index) => {
      const file = join(folder, names[index] as string);
      const { bytes, fingerprint } = await readWithFingerprint(file, seen.get(index));
      seen.set(index, fingerprint);
      return decode(bytes, shape);
    });
    return {
      label: basename(path),
      length: names.length,
      preprocess: describe(preprocess, shape),
      whole: new Set(isWhole || isOneOfMany ? [input.name] : []),
      names,
      async sample(index) {
        const picture = convert({ type: 'uint8', dims, data: await pixels(index) });
        return { [input.name]: isOneOfMany ? { ...picture, dims: [1, ...picture.dims] } : picture };
      },
      async flawOf(index) {
        try {
          await pixels(index);
          return undefined;
        } catch (thrown) {
          // The file is named already.
          const said = thrown instanceof QuantizeError ? thrown.facts.reason : undefined;
          return `${names[index]} (${said ?? reasonOf(thrown)})`;
        }
      },
    };
  },
};

/** All image files below a folder, by their paths in it with `/`, sorted by code units. */
async function imageNames(folder: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  const names: string[] = [];
  for (const entry of entries) {
    // Hidden files are what systems leave beside pictures (`._photo.jpg`).
    if (entry.name.startsWith('.')) continue;
    const name = prefix + entry.name;
    if (entry.isDirectory()) names.push(...(await imageNames(folder, `${name}/`)));
    else if (EXTENSIONS.includes(extname(entry.name).toLowerCase())) names.push(name);
  }
  return prefix === '' ? names.sort() : names;
}

interface WantedShape {
  readonly shape: PictureShape;
  /** Shape of a sample. */
  readonly dims: readonly number[];
  readonly isWhole: boolean;
}

/** What the model's input, the preset and the user ask of a picture. */
function shapeFor(
  path: string,
  input: InputSpec,
  preprocess: Preprocess | undefined,
  { size, fit = 'crop', channelOrder }: PictureOptions,
): WantedShape {
  const isWhole = input.shape?.length === 3;
  const axes = isWhole ? input.shape : input.shape?.slice(1);
  if (axes?.length !== 3) {
    const mend = 'Images serve inputs of shape [N, channels, height, width] or [N, height, width, channels].';
    throw misfit(path, input, 'the pixels of an image', mend);
  }
  const [first, , last] = axes;
  const isCount = (dim: unknown) => dim === 1 || dim === 3;
  const isLast = (last === 3 && first !== 3) || (last === 1 && !isCount(first));
  // Where neither axis says so, channels stand first, as in nearly all image models of ONNX.
  const isOpen = !isCount(first) && !isCount(last);
  const layout = isLast || (isOpen && preprocess?.layout === 'nhwc') ? 'nhwc' : 'nchw';
  const [channels = 3, height, width] = layout === 'nhwc' ? [last, axes[0], axes[1]] : axes;
  if (typeof channels === 'number' && !isCount(channels)) {
    const mend = 'Images have 3 channels, or 1 as grey: save the samples as an array.';
    throw misfit(path, input, 'height, width, 3', mend);
  }
  const sides = [sideOf(path, input, height, size?.height), sideOf(path, input, width, size?.width)] as const;
  const shape = {
    height: sides[0],
    width: sides[1],
    channels: channels === 1 ? (1 as const) : (3 as const),
    layout,
    channelOrder: channelOrder ?? preprocess?.channelOrder ?? 'rgb',
    fit,
    cropRatio: preprocess?.cropRatio ?? 1,
  } as const;
  const dims = layout === 'nhwc' ? [...sides, shape.channels] : [shape.channels, ...sides];
  return { shape, dims, isWhole };
}

function misfit(path: string, input: InputSpec, found: string, mend: string): QuantizeError {
  const facts = { path, found, input: input.name, expected: describeShape(input), mend };
  return new QuantizeError('data-shape', facts);
}

/** A side in pixels: the model's, or where that is open the user's. */
function sideOf(
  path: string,
  input: InputSpec,
  dim: number | string | undefined,
  given: number | undefined,
): number {
  const isFixed = typeof dim === 'number' && dim > 0;
  if (isFixed && (given === undefined || given === dim)) return dim;
  if (!isFixed && given !== undefined) return given;
  const facts = { input: input.name, expected: describeShape(input), path };
  throw new QuantizeError(isFixed ? 'size-fixed' : 'size-missing', facts);
}

function describe(preprocess: Preprocess | undefined, shape: PictureShape): string {
  const { height, width, fit, channels, channelOrder } = shape;
  const colours = channels === 1 ? 'grey' : channelOrder.toUpperCase();
  return `${preprocess?.label ?? 'as stored'}, ${fit} to ${height}×${width}, ${colours}`;
}

/** Keeps what was made first, as long as it fits: every pass begins there again. */
function keeping(
  sizeBytes: number,
  make: (index: number) => Promise<Uint8Array>,
): (index: number) => Promise<Uint8Array> {
  const kept = new Map<number, Uint8Array>();
  const room = Math.floor(KEPT_BYTES / sizeBytes);
  return async (index) => {
    const found = kept.get(index);
    if (found) return found;
    const made = await make(index);
    if (kept.size < room) kept.set(index, made);
    return made;
  };
}
