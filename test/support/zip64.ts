import { crc32 } from 'node:zlib';

const zeros = (length: number) => Buffer.alloc(length);

/** A ZIP archive of one stored file whose sizes, offset and list stand in zip64 fields alone (APPNOTE.TXT 4.5.3, 4.3.14). */
export function zip64Bytes(name: string, data: Uint8Array): Buffer {
  const local = zeros(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(45, 4);
  local.writeUInt32LE(0xffffffff, 18);
  local.writeUInt32LE(0xffffffff, 22);
  local.writeUInt16LE(name.length, 26);

  const extra = zeros(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(data.length), 4);
  extra.writeBigUInt64LE(BigInt(data.length), 12);
  extra.writeBigUInt64LE(0n, 20);

  const central = zeros(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt32LE(crc32(data), 16);
  central.writeUInt32LE(0xffffffff, 20);
  central.writeUInt32LE(0xffffffff, 24);
  central.writeUInt16LE(name.length, 28);
  central.writeUInt16LE(extra.length, 30);
  central.writeUInt32LE(0xffffffff, 42);

  const file = Buffer.concat([local, Buffer.from(name), data]);
  const list = Buffer.concat([central, Buffer.from(name), extra]);

  const end64 = zeros(56);
  end64.writeUInt32LE(0x06064b50, 0);
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(1n, 24);
  end64.writeBigUInt64LE(1n, 32);
  end64.writeBigUInt64LE(BigInt(list.length), 40);
  end64.writeBigUInt64LE(BigInt(file.length), 48);

  const locator = zeros(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(file.length + list.length), 8);
  locator.writeUInt32LE(1, 16);

  const end = zeros(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.fill(0xff, 8, 20);
  return Buffer.concat([file, list, end64, locator, end]);
}
