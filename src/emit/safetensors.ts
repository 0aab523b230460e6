import type { ByteSource } from '../../calibration/byte-source.js';

/** Arrays by name. */
export type Arrays = Map<string, Int8Array | Uint8Array | Float32Array>;

/** Data begins at a multiple of this, so that a reader can map it: the header is padded with blanks. */
const ALIGNMENT = 8;

const typeOf = (array: Int8Array | Uint8Array | Float32Array): string =>
  array instanceof Float32Array ? 'F32' : array instanceof Int8Array ? 'I8' : 'U8';

/** A safetensors file of flat arrays: floats first, so that each stands at a multiple of its element's size. */
export function safetensors(arrays: Arrays): Uint8Array {
  const floatsFirst = [...arrays].sort(([, a], [, b]) => b.BYTES_PER_ELEMENT - a.BYTES_PER_ELEMENT);
  const header: Record<string, unknown> = Object.create(null);
  let end = 0;
  for (const [name, array] of floatsFirst) {
    header[name] = {
      dtype: typeOf(array),
      shape: [array.length],
      data_offsets: [end, end + array.byteLength],
    };
    end += array.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(8 + headerBytes + end).fill(' '.charCodeAt(0), 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(text, 8);
  let at = 8 + headerBytes;
  for (const [, array] of floatsFirst) {
    file.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return file;
}

/** The arrays of an open safetensors file; those of other types are left out. */
export async function arraysOf(
  entries: ReadonlyMap<string, { readonly type: string; readonly bytes: ByteSource }>,
): Promise<Arrays> {
  const arrays: Arrays = new Map();
  for (const [name, { type, bytes }] of entries) {
    // A copy of its own: aligned, and free of the file's buffer.
    const own = Uint8Array.from(await bytes.read(0, bytes.sizeBytes));
    if (type === 'F32') arrays.set(name, new Float32Array(own.buffer));
    else if (type === 'I8') arrays.set(name, new Int8Array(own.buffer));
    else if (type === 'U8') arrays.set(name, own);
  }
  return arrays;
}
