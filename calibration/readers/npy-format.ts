import { readFile } from 'node:fs/promises';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { halfToNumber } from '../../src/numerics/half.js';
import {
  type ArrayType,
  elementBytes,
  elementCount,
  type NdArray,
  viewBytes,
} from '../../src/numerics/nd-array.js';

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

/**
 * Read a .npy file (NumPy format versions 1 to 3).
 *
 * @throws QuantizeError for anything but a dense, little-endian, C-ordered numeric array
 */
export async function readNpy(path: string): Promise<NdArray> {
  return parseNpy(path, await readBytes(path));
}

/**
 * The bytes of a sample file.
 *
 * @throws QuantizeError where there is none, or it cannot be read
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT')
      throw new QuantizeError('file-missing', { path });
    throw new QuantizeError('file-unreadable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

/** The array that the bytes of a .npy file hold; see {@link readNpy}. */
export function parseNpy(path: string, bytes: Uint8Array): NdArray {
  const bad = (reason: string, mend = 'Save it again with numpy.save.') =>
    new QuantizeError('data-format', { path, reason, mend });
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.subarray(0, MAGIC.length).toString('latin1') !== MAGIC || bytes.length < 12)
    throw bad('it is no .npy file');
  const major = bytes[6] as number;
  if (major < 1 || major > 3) throw bad(`its format version is ${major}, where 1 to 3 are known`);
  const headerAt = major === 1 ? 10 : 12;
  const headerLength = major === 1 ? text.readUInt16LE(8) : text.readUInt32LE(8);
  const header = text.subarray(headerAt, headerAt + headerLength).toString('latin1');

  const descr = /'descr':\s*'([<>|=])([a-zA-Z]\d*)/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (!descr || !order || shape === undefined) throw bad('its header is not that of a plain numeric array');
  const [, endian, code = ''] = descr;
  if (code === 'O') throw bad('it holds pickled Python objects, which are never read');
  const type = typesByDescr[code];
  if (!type) throw bad(`it holds elements of type ${code}`, 'Save numbers.');
  if (endian === '>')
    throw bad('it is big-endian', 'Save it with array.astype(array.dtype.newbyteorder("<")).');
  if (order === 'True') throw bad('it is in Fortran order', 'Save it with numpy.ascontiguousarray(array).');

  const dims = shape
    .split(',')
    .map((dim) => dim.replace('L', '').trim())
    .filter((dim) => dim !== '')
    .map(Number);
  if (!dims.every(Number.isSafeInteger)) throw bad(`its shape is (${shape})`);
  const data = bytes.subarray(headerAt + headerLength);
  const needed = elementCount(dims) * elementBytes(type);
  if (data.byteLength < needed)
    throw bad(`it is cut: ${data.byteLength} bytes where its shape needs ${needed}`);
  const elements = viewBytes(type, data.subarray(0, needed));
  // float32 holds every float16 exactly, and arithmetic needs numbers, not bits.
  if (type === 'float16')
    return { type: 'float32', dims, data: Float32Array.from(elements as Uint16Array, halfToNumber) };
  return { type, dims, data: elements };
}
