/** Bytes that the header of a .npy file is a multiple of (NumPy's format, version 1.0). */
const ALIGNMENT = 64;

/** Integers as a .npy file: magic, header, elements in row-major order. */
export function npyBytes(values: Int8Array | Int32Array, dims: readonly number[]): Uint8Array {
  const type = values instanceof Int8Array ? '|i1' : '<i4';
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${shape}, }`;
  const start = 10;
  const length = Math.ceil((start + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = `${text.padEnd(length - start - 1)}\n`;
  const bytes = new Uint8Array(length + values.byteLength);
  bytes.set([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length % 256, header.length >> 8]);
  bytes.set(Buffer.from(header, 'latin1'), start);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), length);
  return bytes;
}
