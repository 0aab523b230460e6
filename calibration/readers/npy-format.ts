import { QuantizeError } from '../../src/errors.js';
import { type ArrayType, elementCount, type NdArray } from '../../src/numerics/nd-array.js';
import { type ByteSource, fileBytes, partOf } from '../byte-source.js';
import { type StoredArray, storedBytes, wholeArray } from '../stored-array.js';

/** NumPy's type codes, less the byte order, by the arrays that hold them. */
const typesByDescr: Readonly<Record<string, ArrayType>> = {
  f4: 'float32',
  f8: 'float64',
  f2: 'float16',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  b1: 'bool',
};

const MAGIC = '\x93NUMPY';

/** Magic, version and the longest form of the header's length. */
const PREFIX_BYTES = 12;

/** A header says three things; NumPy itself refuses headers of more than 10,000 characters unless it is told to. */
const MAX_HEADER_BYTES = 10_000;

/**
 * A .npy file (NumPy format versions 1 to 3) whose elements are read part by part.
 *
 * @param label - what messages call it
 * @throws QuantizeError for anything but a dense numeric array
 */
export async function openNpy(label: string, bytes: ByteSource): Promise<StoredArray> {
  const prefix = await bytes.read(0, Math.min(PREFIX_BYTES, bytes.sizeBytes));
  const { start, length } = headerRange(label, prefix);
  const end = start + length;
  if (end > bytes.sizeBytes) throw malformed(label, 'its header is cut');
  const header = parseHeader(label, await bytes.read(start, length));
  const found = bytes.sizeBytes - end;
  checkSize(label, header, found);
  return { ...header, bytes: partOf(bytes, end, found) };
}

/** A .npy file by its path; see {@link openNpy}. */
export async function openNpyFile(path: string): Promise<StoredArray> {
  return openNpy(path, await fileBytes(path));
}

/** The whole array that the bytes of a .npy file hold; see {@link openNpy}. */
export function parseNpy(label: string, bytes: Uint8Array): NdArray {
  const { start, length } = headerRange(label, bytes.subarray(0, PREFIX_BYTES));
  const end = start + length;
  if (end > bytes.length) throw malformed(label, 'its header is cut');
  const header = parseHeader(label, bytes.subarray(start, end));
  checkSize(label, header, bytes.length - end);
  return wholeArray(bytes.subarray(end), header);
}

function malformed(path: string, reason: string, mend = 'Save it again with numpy.save.'): QuantizeError {
  return new QuantizeError('data-format', { path, reason, mend });
}

function headerRange(label: string, prefix: Uint8Array): { start: number; length: number } {
  const text = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  if (text.subarray(0, MAGIC.length).toString('latin1') !== MAGIC || text.length < PREFIX_BYTES)
    throw malformed(label, 'it is no .npy file');
  const major = text[6] as number;
  if (major < 1 || major > 3)
    throw malformed(label, `its format version is ${major}, where 1 to 3 are known`);
  const length = major === 1 ? text.readUInt16LE(8) : text.readUInt32LE(8);
  if (length > MAX_HEADER_BYTES)
    throw malformed(label, `its header has ${length} bytes, where ${MAX_HEADER_BYTES} are the limit`);
  return { start: major === 1 ? 10 : PREFIX_BYTES, length };
}

function parseHeader(label: string, bytes: Uint8Array): Omit<StoredArray, 'bytes'> {
  const header = Buffer.from(bytes).toString('latin1');
  const descr = /'descr':\s*'([<>|=])([a-zA-Z]\d*)/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (!descr || !order || shape === undefined)
    throw malformed(label, 'its header is not that of a plain numeric array', 'Save one array of numbers.');
  const [, endian, code = ''] = descr;
  if (code === 'O') {
    const mend = 'Save an array of numbers: numpy.save(path, numpy.asarray(list, dtype="float32")).';
    throw malformed(label, 'it holds pickled Python objects, which are never read', mend);
  }
  if (code.startsWith('c'))
    throw malformed(
      label,
      `it holds complex numbers (${code}), which no sample is made of`,
      'Save real numbers.',
    );
  const stored = typesByDescr[code];
  if (!stored) throw malformed(label, `it holds elements of type ${code}`, 'Save numbers.');
  const dims = shape
    .split(',')
    .map((dim) => dim.replace('L', '').trim())
    .filter((dim) => dim !== '')
    .map(Number);
  if (!dims.every(Number.isSafeInteger)) throw malformed(label, `its shape is (${shape})`);
  return { stored, dims, order: order === 'True' ? 'fortran' : 'c', isBigEndian: endian === '>' };
}

function checkSize(label: string, { stored, dims }: Omit<StoredArray, 'bytes'>, found: number): void {
  const needed = elementCount(dims) * storedBytes(stored);
  if (found < needed) throw malformed(label, `it is cut: ${found} bytes where its shape needs ${needed}`);
}
