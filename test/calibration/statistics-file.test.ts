import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Statistics } from '../../calibration/statistics.js';
import { parseStatistics, serializeStatistics } from '../../calibration/statistics-file.js';
import { anyFloat, anyInteger, codeOf, forSeeds } from '../support/random-data.js';
import { contentOf, provenance, statisticsOf } from '../support/statistics.js';

const four = { samples: 4, part: { ...provenance().part, total: 4 } };
const statistics = (tensors: Statistics['tensors']): Statistics => ({ ...provenance(four), tensors });

const example = () => serializeStatistics(statistics(new Map([['x', statisticsOf([1, 2])]])));

/** The example with some fields replaced, and a checksum that fits. */
function textWith(fields: object): string {
  const { checksum: _, ...record } = { ...(JSON.parse(example()) as object), ...fields } as {
    checksum?: string;
  };
  const sum = createHash('sha256').update(JSON.stringify(record)).digest('hex');
  return JSON.stringify({ ...record, checksum: sum });
}

const packed = (bytes: Iterable<number>) => deflateRawSync(Uint8Array.from(bytes)).toString('base64');
const floats = (...values: number[]) => packed(new Uint8Array(Float32Array.from(values).buffer));

/** 1.0 once: bin 16256 = 0x3f80, 16257 on from −1, in 7 bits a byte 0x81 0x7f. */
const ONE = [0x81, 0x7f, 1];
const entry = { name: 'x', bins: packed(ONE), ranges: floats(1, 1), nonFinite: 0 };
const withTensor = (changes: object) => textWith({ tensors: [{ ...entry, ...changes }] });

const readBack = (text: string) => parseStatistics('s.json', text).readStatistics();

describe('serializeStatistics', () => {
  it('is the documented text', () => {
    // Bins 16256 (1.0) and 49152 (−2.0), 200 ones and a −2; the second sample has no finite element.
    const x = statisticsOf([...Array<number>(200).fill(1), -2], [Number.NaN]);
    const record = JSON.parse(serializeStatistics(statistics(new Map([['x', x]])))) as {
      checksum: string;
      tensors: { name: string; bins: string; ranges: string; nonFinite: number }[];
    };
    const { checksum, ...rest } = record;
    expect(rest).toEqual({
      schemaVersion: 2,
      modelHash: 'a'.repeat(64),
      data: 'digits.npy',
      preprocess: '--scale 1/16',
      provider: 'cpu',
      samples: 4,
      part: { shard: { index: 1, count: 1 }, first: 0, total: 4, choice: 'c'.repeat(64) },
      tensors: [{ name: 'x', bins: expect.any(String), ranges: expect.any(String), nonFinite: 1 }],
    });
    expect(checksum).toBe(createHash('sha256').update(JSON.stringify(rest)).digest('hex'));
    const bytesOf = (text = '') => [...inflateRawSync(Buffer.from(text, 'base64'))];
    // By hand: 16257 = 127·128 + 1; 49152 − 16256 = 32896 = 2·128² + 1·128 + 0; 200 = 1·128 + 72.
    expect(bytesOf(record.tensors[0]?.bins)).toEqual([0x81, 0x7f, 0x80, 0x81, 0x02, 0xc8, 0x01, 0x01]);
    // −2, ∞; 1, −∞ as float32, lowest byte first.
    expect(bytesOf(record.tensors[0]?.ranges)).toEqual([
      0, 0, 0, 0xc0, 0, 0, 0x80, 0x7f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xff,
    ]);
  });

  it('takes a fifth of plain lists of numbers', () => {
    forSeeds(1, (random) => {
      const samples = Array.from({ length: 4 }, () =>
        Array.from({ length: 20_000 }, () => random() + random() + random() - 1.5),
      );
      const x = statisticsOf(...samples);
      const { bins, samples: ranges } = contentOf(x) as NonNullable<ReturnType<typeof contentOf>>;
      const plain = JSON.stringify({ bins: Object.entries(bins).flat().map(Number), ranges });
      expect(serializeStatistics(statistics(new Map([['x', x]]))).length).toBeLessThan(plain.length / 3);
    });
  });
});

describe('parseStatistics', () => {
  it('gives back exactly what was written', () => {
    forSeeds(10, (random) => {
      const samples = Array.from({ length: 4 }, () => Array.from({ length: 300 }, () => anyFloat(random)));
      const x = statisticsOf(...samples);
      // Counts that neither a byte nor 32 bits hold.
      x.counts[0x3f80] = 2 ** anyInteger(random, 7, 52) + 1;
      const before = statistics(
        new Map([
          ['x', x],
          ['empty', statisticsOf([], [Number.NaN])],
          ['unseen', statisticsOf()],
        ]),
      );
      const text = serializeStatistics(before);
      const after = readBack(text);
      expect({ ...after, tensors: null }).toEqual({ ...before, tensors: null });
      expect([...after.tensors.keys()]).toEqual(['x', 'empty', 'unseen']);
      for (const [name, tensor] of before.tensors) {
        expect(contentOf(after.tensors.get(name))).toEqual(contentOf(tensor));
      }
      expect(serializeStatistics(after)).toBe(text);
    });
  });

  it('keeps tensors of any name, in order', () => {
    const names = ['__proto__', 'constructor', '10', '9', '/conv/Conv_output_0', 'a"b\n', ''];
    const before = statistics(new Map(names.map((name, i) => [name, statisticsOf([i])])));
    const { tensors } = readBack(serializeStatistics(before));
    expect([...tensors.keys()]).toEqual(names);
    for (const [name, tensor] of before.tensors)
      expect(contentOf(tensors.get(name))).toEqual(contentOf(tensor));
  });

  it.each([
    ['another version', textWith({ schemaVersion: 1 }), /its version is 1/],
    ['no version', textWith({ schemaVersion: undefined }), /no version/],
    ['no JSON', 'bins: 3', /JSON/],
    ['a cut file', example().slice(0, -10), /JSON/],
    ['another number somewhere', example().replace('"samples":4', '"samples":3'), /checksum/],
    ['no checksum', JSON.stringify({ ...JSON.parse(example()), checksum: undefined }), /checksum/],
    ['null', 'null', /no object/],
    ['a list', '[]', /no object/],
    ['a model hash that is no text', textWith({ modelHash: 3 }), /what it is of/],
    ['no number of samples', textWith({ samples: undefined }), /which samples/],
    ['more samples than there are', textWith({ samples: 5 }), /which samples/],
    ['no part', textWith({ part: null }), /which samples/],
    ['shard 3 of 2', textWith({ part: { ...four.part, shard: { index: 3, count: 2 } } }), /which samples/],
    ['no tensors', textWith({ tensors: undefined }), /tensors are damaged/],
    ['tensors by name', textWith({ tensors: { x: entry } }), /tensors are damaged/],
    ['a tensor that is null', textWith({ tensors: [null] }), /tensors are damaged/],
    ['a tensor without a name', withTensor({ name: undefined }), /tensors are damaged/],
    ['no count of strays', withTensor({ nonFinite: undefined }), /tensors are damaged/],
    ['a tensor twice', textWith({ tensors: [entry, entry] }), /twice/],
    ['bins that are not packed', withTensor({ bins: 'AAAA' }), /entry for tensor "x"/],
    ['a bin without a count', withTensor({ bins: packed([0x81, 0x7f]) }), /tensor "x"/],
    ['a bin twice', withTensor({ bins: packed([0x81, 0x7f, 0, 1, 1]) }), /tensor "x"/],
    ['a bin beyond the last', withTensor({ bins: packed([0x81, 0x80, 0x04, 1]) }), /tensor "x"/],
    // 0x7f80 = 32640, so 32641 on from −1: 1·128² + 127·128 + 1.
    ['a bin of infinities', withTensor({ bins: packed([0x81, 0xff, 0x01, 1]) }), /tensor "x"/],
    ['a count of 0', withTensor({ bins: packed([0x81, 0x7f, 0]) }), /tensor "x"/],
    ['a count that is cut', withTensor({ bins: packed([0x81, 0x7f, 0x81]) }), /tensor "x"/],
    [
      'a count beyond 2^53',
      withTensor({ bins: packed([0x81, 0x7f, ...Array<number>(7).fill(0xff), 0x7f]) }),
      /tensor "x"/,
    ],
    ['half a range', withTensor({ ranges: floats(1) }), /tensor "x"/],
    ['half a number', withTensor({ ranges: packed([0, 0, 0]) }), /tensor "x"/],
    ['a range with one end', withTensor({ ranges: floats(1, Number.NaN) }), /tensor "x"/],
    ['a range upside down', withTensor({ ranges: floats(2, 1) }), /tensor "x"/],
    ['more ranges than samples', withTensor({ ranges: floats(...Array<number>(10).fill(1)) }), /tensor "x"/],
    // 200 MB of zeros in 200 kB.
    ['a bomb', withTensor({ bins: packed(new Uint8Array(2e8)) }), /tensor "x"/],
  ])('refuses %s', (_, text, says) => {
    expect(() => readBack(text)).toThrow(says);
    expect(() => readBack(text)).toThrow(/^s\.json is not a statistics file of version 2: /);
  });

  it('accepts what the refusals above start from', async () => {
    expect(await codeOf(() => readBack(textWith({})))).toBeUndefined();
    const { tensors } = readBack(withTensor({}));
    expect(contentOf(tensors.get('x'))).toEqual(contentOf(statisticsOf([1])));
  });
});
