import { describe, expect, it } from 'vitest';
import { parseStatistics, type Statistics, serializeStatistics } from '../../calibration/statistics.js';
import { anyFloat, codeOf, forSeeds } from '../support/random-data.js';
import { contentOf, statisticsOf } from '../support/statistics.js';

const HASH = 'a'.repeat(64);

function statistics(tensors: Statistics['tensors']): Statistics {
  return { modelHash: HASH, data: 'digits.npy', preprocess: '--scale 1/16', samples: 2, tensors };
}

/** The text of a file with some fields replaced. */
function textWith(fields: object): string {
  const text = serializeStatistics(statistics(new Map([['x', statisticsOf([1, 2])]])));
  return JSON.stringify({ ...(JSON.parse(text) as object), ...fields });
}

const withTensor = (tensor: unknown) => textWith({ tensors: { x: tensor } });

describe('serializeStatistics', () => {
  it('is the documented text', () => {
    const one = statistics(new Map([['x', statisticsOf([1, -2], [Number.NaN])]]));
    expect(serializeStatistics(one)).toBe(
      `{"schemaVersion":1,"modelHash":"${HASH}","data":"digits.npy","preprocess":"--scale 1/16","samples":2,` +
        `"tensors":{"x":{"bins":[16256,1,49152,1],"ranges":[[-2,1],[null,null]],"nonFinite":1}}}\n`,
    );
  });
});

describe('parseStatistics', () => {
  it('gives back exactly what was written', () => {
    forSeeds(10, (random) => {
      const samples = Array.from({ length: 4 }, () => Array.from({ length: 300 }, () => anyFloat(random)));
      const before = statistics(
        new Map([
          ['x', statisticsOf(...samples)],
          ['empty', statisticsOf([], [Number.NaN])],
        ]),
      );
      const text = serializeStatistics(before);
      const after = parseStatistics('s.json', text, HASH);
      expect({ ...after, tensors: null }).toEqual({ ...before, tensors: null });
      expect([...after.tensors.keys()]).toEqual(['x', 'empty']);
      for (const [name, tensor] of before.tensors) {
        expect(contentOf(after.tensors.get(name))).toEqual(contentOf(tensor));
      }
      expect(serializeStatistics(after)).toBe(text);
    });
  });

  it('keeps a tensor of any name', () => {
    const names = ['__proto__', 'constructor', '10', '9', '/conv/Conv_output_0', 'a"b\n', ''];
    const before = statistics(new Map(names.map((name, i) => [name, statisticsOf([i])])));
    const { tensors } = parseStatistics('s.json', serializeStatistics(before), HASH);
    expect([...tensors.keys()].sort()).toEqual([...names].sort());
    for (const [name, tensor] of before.tensors)
      expect(contentOf(tensors.get(name))).toEqual(contentOf(tensor));
  });

  it.each([
    ['another version', textWith({ schemaVersion: 2 })],
    ['no JSON', 'bins: 3'],
    ['a cut file', textWith({}).slice(0, -10)],
    ['null', 'null'],
    ['a list', '[]'],
    ['no tensors', textWith({ tensors: undefined })],
    ['tensors in a list', textWith({ tensors: [] })],
    ['a tensor that is null', withTensor(null)],
    ['no bins', withTensor({ ranges: [[1, 2]], nonFinite: 0 })],
    ['a bin without a count', withTensor({ bins: [16256], ranges: [[1, 2]], nonFinite: 0 })],
    ['a bin beyond the last', withTensor({ bins: [65536, 1], ranges: [[1, 2]], nonFinite: 0 })],
    ['a bin of infinities', withTensor({ bins: [0x7f80, 1], ranges: [[1, 2]], nonFinite: 0 })],
    ['a negative count', withTensor({ bins: [16256, -1], ranges: [[1, 2]], nonFinite: 0 })],
    ['half a count', withTensor({ bins: [16256, 0.5], ranges: [[1, 2]], nonFinite: 0 })],
    ['half a range', withTensor({ bins: [16256, 1], ranges: [[1]], nonFinite: 0 })],
    ['a range with one end', withTensor({ bins: [16256, 1], ranges: [[1, null]], nonFinite: 0 })],
    ['a range upside down', withTensor({ bins: [16256, 1], ranges: [[2, 1]], nonFinite: 0 })],
    ['a range of text', withTensor({ bins: [16256, 1], ranges: [['1', '2']], nonFinite: 0 })],
    ['no count of strays', withTensor({ bins: [16256, 1], ranges: [[1, 2]] })],
    ['a model hash that is no text', textWith({ modelHash: 3 })],
    ['no number of samples', textWith({ samples: undefined })],
  ])('refuses %s', async (_, text) => {
    expect(await codeOf(() => parseStatistics('s.json', text, HASH))).toBe('statistics-format');
  });

  it('accepts what the refusals above start from', () => {
    const { tensors } = parseStatistics('s.json', textWith({}), HASH);
    expect(contentOf(tensors.get('x'))).toEqual(contentOf(statisticsOf([1, 2])));
  });

  it('refuses the statistics of another model', async () => {
    expect(await codeOf(() => parseStatistics('s.json', textWith({}), 'b'.repeat(64)))).toBe(
      'statistics-model',
    );
  });
});
