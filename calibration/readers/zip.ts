import { promisify } from 'node:util';
import { crc32, createInflateRaw, inflateRaw } from 'node:zlib';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { type ByteSource, memoryBytes, partOf } from '../byte-source.js';

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Its bytes, unpacked. */
  open(): Promise<ByteSource>;
}

// Signatures and sizes: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.14 to 4.3.16.
const END = 0x06054b50;
const END_BYTES = 22;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_BYTES = 20;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** Extra field with 64-bit sizes and offsets, section 4.5.3. */
const EXTRA64 = 1;
/** The end record is followed by a comment of 16 bits of length at most. */
const MAX_COMMENT_BYTES = 0xffff;
/** A 32-bit field with this value has its real one in the extra field. */
const IN_EXTRA64 = 0xffffffff;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;

/** The list of entries is read as one piece: 64 MiB are half a million arrays. */
const MAX_DIRECTORY_BYTES = 2 ** 26;

/** Up to this size an array is unpacked whole and kept; a larger one is unpacked again on the way to each sample. */
const MAX_UNPACKED_BYTES = 2 ** 26;

/** Bytes that are unpacked and looked at in one step. */
const STEP_BYTES = 2 ** 20;

/**
 * The list of files in a ZIP archive, zip64 included, stored or deflated.
 *
 * @param path - what messages call it
 * @throws QuantizeError where it is no archive, or contradicts itself
 */
export async function readZip(path: string, bytes: ByteSource): Promise<ZipEntry[]> {
  const { offset, length, count } = await findDirectory(path, bytes);
  if (offset + length > bytes.sizeBytes || length > MAX_DIRECTORY_BYTES)
    throw malformed(path, 'its list of files lies outside it');
  const directory = bufferOf(await bytes.read(offset, length));
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > length || directory.readUInt32LE(at) !== CENTRAL)
      throw malformed(path, 'its list of files is cut');
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const end = at + CENTRAL_BYTES + nameLength + extraLength + directory.readUInt16LE(at + 32);
    if (end > length) throw malformed(path, 'its list of files is cut');
    entries.push(entryAt(path, bytes, directory.subarray(at, end), nameLength, extraLength));
    at = end;
  }
  return entries;
}

const malformed = (path: string, reason: string) =>
  new QuantizeError('data-format', {
    path,
    reason: `it is no readable .npz file: ${reason}`,
    mend: 'Save it again with numpy.savez(path, name=array, …).',
  });

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Directory {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

async function findDirectory(path: string, bytes: ByteSource): Promise<Directory> {
  const tailBytes = Math.min(bytes.sizeBytes, END_BYTES + MAX_COMMENT_BYTES);
  const start = bytes.sizeBytes - tailBytes;
  const tail = bufferOf(await bytes.read(start, tailBytes));
  let at = tailBytes - END_BYTES;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0) throw malformed(path, 'it has no end record');
  const locatorAt = start + at - LOCATOR64_BYTES;
  const locator = locatorAt < 0 ? undefined : bufferOf(await bytes.read(locatorAt, LOCATOR64_BYTES));
  if (locator?.readUInt32LE(0) !== LOCATOR64) {
    return {
      count: tail.readUInt16LE(at + 10),
      length: tail.readUInt32LE(at + 12),
      offset: tail.readUInt32LE(at + 16),
    };
  }
  const end64At = toNumber(path, locator.readBigUInt64LE(8));
  if (end64At + END64_BYTES > bytes.sizeBytes) throw malformed(path, 'its zip64 record lies outside it');
  const end64 = bufferOf(await bytes.read(end64At, END64_BYTES));
  if (end64.readUInt32LE(0) !== END64) throw malformed(path, 'it has no zip64 record');
  return {
    count: toNumber(path, end64.readBigUInt64LE(32)),
    length: toNumber(path, end64.readBigUInt64LE(40)),
    offset: toNumber(path, end64.readBigUInt64LE(48)),
  };
}

function toNumber(path: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(path, `an offset in it is ${value}`);
  return Number(value);
}

function entryAt(
  path: string,
  bytes: ByteSource,
  header: Buffer,
  nameLength: number,
  extraLength: number,
): ZipEntry {
  const name = header.subarray(CENTRAL_BYTES, CENTRAL_BYTES + nameLength).toString('utf8');
  const extraAt = CENTRAL_BYTES + nameLength;
  const wide = wideFields(header.subarray(extraAt, extraAt + extraLength));
  const field = (at: number): number => {
    const value = header.readUInt32LE(at);
    if (value !== IN_EXTRA64) return value;
    const next = wide.shift();
    if (next === undefined) throw malformed(path, `the size of ${name} is missing`);
    return toNumber(path, next);
  };
  // The order in which the extra field has them: APPNOTE 4.5.3.
  const unpacked = field(24);
  const packed = field(20);
  const localAt = field(42);
  const method = header.readUInt16LE(10);
  const isEncrypted = (header.readUInt16LE(8) & ENCRYPTED) !== 0;
  const checksum = header.readUInt32LE(16);
  const open = async (): Promise<ByteSource> => {
    if (isEncrypted) throw malformed(path, `${name} is encrypted`);
    if (localAt + LOCAL_BYTES > bytes.sizeBytes) throw malformed(path, `${name} lies outside it`);
    const local = bufferOf(await bytes.read(localAt, LOCAL_BYTES));
    if (local.readUInt32LE(0) !== LOCAL) throw malformed(path, `${name} is not where the list has it`);
    const start = localAt + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (start + packed > bytes.sizeBytes) throw malformed(path, `${name} lies outside it`);
    const part = partOf(bytes, start, packed);
    if (method === STORED) {
      if (packed !== unpacked) throw malformed(path, `${name} has two sizes`);
      await refuseOther(path, name, piecesOf(part), unpacked, checksum);
      return part;
    }
    if (method !== DEFLATED) throw malformed(path, `${name} is packed by method ${method}`);
    if (unpacked <= MAX_UNPACKED_BYTES) return unpackWhole(path, name, part, unpacked, checksum);
    await refuseOther(path, name, inflated(part), unpacked, checksum);
    return unpackForward(path, name, part, unpacked);
  };
  return { name, open };
}

/** The 64-bit values of the extra field, in their order. */
function wideFields(extra: Buffer): bigint[] {
  let at = 0;
  while (at + 4 <= extra.length) {
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (id === EXTRA64 && end <= extra.length) {
      const values: bigint[] = [];
      for (let i = at + 4; i + 8 <= end; i += 8) values.push(extra.readBigUInt64LE(i));
      return values;
    }
    at = end;
  }
  return [];
}

async function* piecesOf(part: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < part.sizeBytes; at += STEP_BYTES)
    yield await part.read(at, Math.min(STEP_BYTES, part.sizeBytes - at));
}

/** Go once over what is never in memory whole, and compare it with its checksum. */
async function refuseOther(
  path: string,
  name: string,
  pieces: AsyncIterable<Uint8Array>,
  unpacked: number,
  checksum: number,
): Promise<void> {
  let [length, found] = [0, 0];
  try {
    for await (const piece of pieces) {
      length += piece.length;
      // What goes on without end is not followed there.
      if (length > unpacked) break;
      found = crc32(piece, found);
    }
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw malformed(path, `${name} cannot be unpacked (${reasonOf(thrown)})`);
  }
  if (length !== unpacked || found !== checksum)
    throw malformed(path, `${name} is not what its checksum says`);
}

async function unpackWhole(
  path: string,
  name: string,
  part: ByteSource,
  unpacked: number,
  checksum: number,
): Promise<ByteSource> {
  let bytes: Uint8Array;
  try {
    const packed = await part.read(0, part.sizeBytes);
    bytes = await promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw)(packed, {
      maxOutputLength: Math.max(unpacked, 1),
    });
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw malformed(path, `${name} cannot be unpacked (${reasonOf(thrown)})`);
  }
  if (bytes.length !== unpacked || crc32(bytes) !== checksum)
    throw malformed(path, `${name} is not what its checksum says`);
  return memoryBytes(bytes);
}

/**
 * A large deflated file, unpacked as far as it is asked for; a part before the last one begins again. Memory is that of
 * a part.
 */
function unpackForward(path: string, name: string, part: ByteSource, unpacked: number): ByteSource {
  let stream = inflated(part);
  /** Unpacked bytes from `start` on that were not asked for yet, and the last part that was. */
  let kept: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };
  let turn: Promise<unknown> = Promise.resolve();
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset < kept.start) {
      await stream.return(undefined);
      stream = inflated(part);
      kept = { start: 0, bytes: new Uint8Array() };
    }
    const chunks = [kept.bytes];
    let { start } = kept;
    let end = start + kept.bytes.length;
    while (end < offset + length) {
      const next = await stream.next().catch((thrown: unknown) => {
        if (thrown instanceof QuantizeError) throw thrown;
        throw malformed(path, `${name} cannot be unpacked (${reasonOf(thrown)})`);
      });
      if (next.done) throw malformed(path, `${name} is shorter than the list has it`);
      chunks.push(next.value);
      end += next.value.length;
      while (chunks.length > 1 && start + (chunks[0]?.length ?? 0) <= offset) {
        start += chunks.shift()?.length ?? 0;
      }
    }
    const [first] = chunks;
    const bytes = chunks.length === 1 && first ? first : new Uint8Array(Buffer.concat(chunks));
    const from = offset - start;
    kept = { start: offset, bytes: bytes.slice(from) };
    return kept.bytes.subarray(0, length);
  };
  return {
    sizeBytes: unpacked,
    // One at a time: the stream has one position.
    read(offset, length) {
      const result = turn.then(() => read(offset, length));
      turn = result.catch(() => {});
      return result;
    },
  };
}

async function* inflated(part: ByteSource): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: STEP_BYTES });
  const feed = async (): Promise<void> => {
    for (let at = 0; at < part.sizeBytes && !inflate.destroyed; at += STEP_BYTES) {
      const piece = await part.read(at, Math.min(STEP_BYTES, part.sizeBytes - at));
      if (!inflate.write(piece)) {
        await new Promise<void>((resolve) => {
          inflate.once('drain', resolve).once('close', resolve);
        });
      }
    }
    inflate.end();
  };
  feed().catch((thrown: unknown) => inflate.destroy(thrown as Error));
  for await (const chunk of inflate) yield chunk as Uint8Array;
}
