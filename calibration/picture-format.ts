/** Formats of picture files by what they begin with, or have at a place: those that are read, and what is met under their names. */
const formats: readonly (readonly [name: string, at: number, begins: string])[] = [
  ['JPEG', 0, '\xff\xd8\xff'],
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['WebP', 8, 'WEBP'],
  ['GIF', 0, 'GIF8'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['BMP', 0, 'BM'],
  ['AVIF', 4, 'ftypavi'],
  ['HEIF', 4, 'ftyp'],
  ['JPEG XL', 4, 'JXL '],
  ['JPEG XL', 0, '\xff\x0a'],
  ['PDF', 0, '%PDF'],
];

const read: readonly string[] = ['JPEG', 'PNG', 'WebP'];

/** Bytes of a text that are looked at for what it is a text of. */
const TEXT_BYTES = 1024;

/**
 * Why a file is no picture of the formats that are read, by its content and not by its name: no decoder of another format
 * ever sees a stranger's file. Undefined where it is one.
 */
export function otherFormat(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.subarray(0, TEXT_BYTES)).toString('latin1');
  if (text === '') return 'it is empty';
  const name = formats.find(([, at, begins]) => text.startsWith(begins, at))?.[0];
  if (name && read.includes(name)) return undefined;
  if (name) return `it is ${name}, which is not read`;
  return /<svg[\s>]/i.test(text) ? 'it is SVG, which is not read' : 'it is no JPEG, PNG or WebP';
}
