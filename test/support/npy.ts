/** The bytes of a .npy file, version 1.0, as the format's own specification lays them out. */
export function npyBytes(
  descr: string,
  dims: readonly number[],
  data: ArrayBufferView,
  fortran = false,
): Buffer {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const fields = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }`;
  // Magic, version and length take 10 bytes; the header is padded so that the data starts at a multiple of 64.
  const padding = 64 - ((10 + fields.length + 1) % 64);
  const header = `${fields}${' '.repeat(padding)}\n`;
  const prefix = Buffer.from([
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    1,
    0,
    header.length & 0xff,
    header.length >> 8,
  ]);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([prefix, Buffer.from(header, 'latin1'), bytes]);
}
