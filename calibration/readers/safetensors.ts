import { QuantizeError } from '../../src/errors.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { type ByteSource, fileBytes, partOf } from '../byte-source.js';
import type { SampleSet } from '../sample-set.js';
import { type StoredArray, type StoredType, storedBytes } from '../stored-array.js';
import { namedArrays } from './named-arrays.js';
import type { Reader, ReadRequest } from './reader.js';

/** The length of the header stands before it, as a 64-bit integer. */
const PREFIX_BYTES = 8;

/** The format's own limit, MAX_HEADER_SIZE in safetensors/src/tensor.rs: 100 MB. */
const MAX_HEADER_BYTES = 100_000_000;

const storedTypes: Readonly<Record<string, StoredType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
};

/** Arrays by input name, as the safetensors libraries save them. */
export const safetensorsReader: Reader = {
  name: '.safetensors',
  summary: 'arrays by input name',
  accepts: ({ extension }) => extension === '.safetensors',
  async read(request: ReadRequest): Promise<SampleSet> {
    const tensors = await openSafetensors(request.path, await fileBytes(request.path));
    return namedArrays(request, [...tensors.keys()], async (name, label) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${name} is not in the file`);
      return toStored(label, tensor);
    });
  },
};

interface Entry {
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: ByteSource;
}

/**
 * The tensors of a .safetensors file, by name. Its format asks that they follow one another without gap or overlap up
 * to the end of the file, and so does this.
 *
 * @throws QuantizeError where the header is broken or contradicts the file
 */
export async function openSafetensors(path: string, bytes: ByteSource): Promise<Map<string, Entry>> {
  const header = await readHeader(path, bytes);
  const dataAt = PREFIX_BYTES + header.length;
  const dataBytes = bytes.sizeBytes - dataAt;
  const entries = Object.entries(header.fields)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => ({ name, ...entryOf(path, name, value) }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  for (const { name, begin, end } of entries) {
    if (end > dataBytes) throw malformed(path, `tensor "${name}" lies outside the file`);
    if (begin < expected) throw malformed(path, `tensor "${name}" overlaps another`);
    if (begin > expected) throw malformed(path, `there is a gap before tensor "${name}"`);
    expected = end;
  }
  if (expected !== dataBytes) throw malformed(path, 'it goes on behind its last tensor');
  return new Map(
    entries.map(({ name, type, dims, begin, end }) => [
      name,
      { type, dims, bytes: partOf(bytes, dataAt + begin, end - begin) },
    ]),
  );
}

const malformed = (path: string, reason: string) =>
  new QuantizeError('data-format', {
    path,
    reason: `it is no sound .safetensors file: ${reason}`,
    mend: 'Save it again with safetensors.numpy.save_file.',
  });

async function readHeader(path: string, bytes: ByteSource): Promise<{ length: number; fields: object }> {
  if (bytes.sizeBytes < PREFIX_BYTES) throw malformed(path, 'it is cut');
  const prefix = await bytes.read(0, PREFIX_BYTES);
  const stated = Buffer.from(prefix).readBigUInt64LE(0);
  if (stated > BigInt(MAX_HEADER_BYTES))
    throw malformed(path, `its header has ${stated} bytes, where ${MAX_HEADER_BYTES} are the limit`);
  const length = Number(stated);
  if (PREFIX_BYTES + length > bytes.sizeBytes) throw malformed(path, 'its header is cut');
  let fields: unknown;
  try {
    fields = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(await bytes.read(PREFIX_BYTES, length)),
    );
  } catch {
    throw malformed(path, 'its header is no JSON');
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw malformed(path, 'its header is no table');
  return { length, fields };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function entryOf(
  path: string,
  name: string,
  value: unknown,
): { type: string; dims: number[]; begin: number; end: number } {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Array.isArray(shape) || !shape.every(isCount))
    throw malformed(path, `the header of tensor "${name}" has no type or shape`);
  const [begin, end, ...rest] = Array.isArray(offsets) ? offsets : [];
  if (!isCount(begin) || !isCount(end) || rest.length > 0 || begin > end)
    throw malformed(path, `the offsets of tensor "${name}" are no range`);
  const stored = Object.hasOwn(storedTypes, dtype) ? storedTypes[dtype] : undefined;
  if (stored && end - begin !== elementCount(shape) * storedBytes(stored))
    throw malformed(path, `tensor "${name}" has ${end - begin} bytes, which its shape does not need`);
  return { type: dtype, dims: shape, begin, end };
}

/** Other types may stand in the file, as long as no input wants them. */
function toStored(path: string, { type, dims, bytes }: Entry): StoredArray {
  const stored = Object.hasOwn(storedTypes, type) ? storedTypes[type] : undefined;
  if (stored) return { stored, dims, order: 'c', isBigEndian: false, bytes };
  const reason = `it holds elements of type ${type}, which no sample is made of`;
  throw new QuantizeError('data-format', { path, reason, mend: 'Save real numbers of 8 to 64 bits.' });
}
