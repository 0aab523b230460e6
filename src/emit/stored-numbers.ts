import * as z from 'zod';
import type { StoredTensor } from '../quantize/plan.js';

/** An array of a file. */
type Flat = Int8Array | Uint8Array | Float32Array;

/** A quantizer of an activation. */
export const gridSchema = z.strictObject({
  scale: z.number(),
  zeroPoint: z.int(),
  low: z.int(),
  high: z.int(),
});

const shape = z.array(z.int().nonnegative());
/** A stored weight without its arrays. */
export const weightSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('affine'), dims: shape, bits: z.int(), axis: z.int().optional() }),
  z.strictObject({
    kind: z.literal('codebook'),
    dims: shape,
    bits: z.int(),
    axis: z.int().optional(),
    channelsPerCodebook: z.int().optional(),
  }),
  z.strictObject({ kind: z.literal('blocks'), dims: shape, bits: z.int(), axis: z.int(), size: z.int() }),
]);

type WeightJson = z.output<typeof weightSchema>;

/** All of a stored weight that is no array. */
export function shapeOf(tensor: StoredTensor): WeightJson {
  const { kind, bits, axis } = tensor;
  const dims = [...tensor.dims];
  if (kind === 'blocks') return { kind, dims, bits, axis: tensor.axis, size: tensor.size };
  if (kind === 'affine') return { kind, dims, bits, axis };
  return { kind, dims, bits, axis, channelsPerCodebook: tensor.channelsPerCodebook };
}

/** The arrays of a stored weight, by the names of their parts. */
export function partsOf(tensor: StoredTensor): [part: string, array: Flat][] {
  const { scales } = tensor;
  if (tensor.kind === 'affine')
    return [
      ['codes', tensor.codes],
      ['scales', scales],
    ];
  if (tensor.kind === 'codebook')
    return [
      ['indices', tensor.indices],
      ['levels', tensor.levels],
      ['scales', scales],
    ];
  const { codes, zeroPoints, levels } = tensor;
  return [
    ['codes', codes],
    ['scales', scales],
    ...(zeroPoints ? [['zeroPoints', zeroPoints] as [string, Uint8Array]] : []),
    ...(levels ? [['levels', levels] as [string, Float32Array]] : []),
  ];
}

/**
 * A stored weight of its parts.
 *
 * @param bad - what is thrown for an array that is missing, or of another type
 */
export function tensorFrom(
  stored: WeightJson,
  part: (name: string) => Flat | undefined,
  bad: (reason: string) => Error,
): StoredTensor {
  const expect = <T extends Flat>(name: string, type: abstract new (...args: never[]) => T): T => {
    const array = part(name);
    if (array instanceof type) return array;
    throw bad('an array of a weight is missing, or of another type');
  };
  const int8 = (name: string) => expect(name, Int8Array);
  const uint8 = (name: string) => expect(name, Uint8Array);
  const scales = expect('scales', Float32Array);
  const { dims, bits } = stored;
  switch (stored.kind) {
    case 'affine':
      return { kind: 'affine', dims, codes: int8('codes'), bits, axis: stored.axis, scales };
    case 'codebook': {
      const { axis, channelsPerCodebook } = stored;
      const [indices, levels] = [uint8('indices'), int8('levels')];
      return { kind: 'codebook', dims, indices, bits, levels, channelsPerCodebook, axis, scales };
    }
    case 'blocks': {
      const { axis, size } = stored;
      const zeroPoints = part('zeroPoints') === undefined ? undefined : uint8('zeroPoints');
      const levels = part('levels') === undefined ? undefined : expect('levels', Float32Array);
      const codes = uint8('codes');
      return { kind: 'blocks', dims, axis, bits, size, codes, scales, zeroPoints, ...(levels && { levels }) };
    }
  }
}
