import { describe, expect, it } from 'vitest';
import { loadModule as loadMetric } from '../../src/evaluate/user-metric.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFile } from '../support/temporary-file.js';

const load = (code: string) => loadMetric(temporaryFile('metric.mjs', code));

const array = (dims: number[], values: number[]): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

/** Sums of the outputs of two runs, the second filled up with a copy. */
async function measure(code: string, labels?: number[]) {
  const meter = await (await load(code))();
  const outputs = (...values: number[]) => new Map([['y', array([2, 1], values)]]);
  await meter.add({ float: outputs(1, 2), quantized: outputs(1, 3) }, labels, { size: 2, samples: 2 }, 0);
  await meter.add({ float: outputs(4, 90), quantized: outputs(5, 90) }, labels, { size: 2, samples: 1 }, 2);
  return meter.result();
}

const sums = `
  let float = 0, quantized = 0;
  const sum = ({ data }) => data.reduce((a, b) => a + b, 0);
  const metric = {
    async add({ outputs }) { float += sum(outputs.float.y); quantized += sum(outputs.quantized.y); },
    result: () => ({ sum: { float, quantized }, ratio: quantized / float }),
  };
`;

describe("a user's metric", () => {
  it.each([
    ['an object', `${sums} export default metric;`],
    ['a function', `export default () => { ${sums} return metric; };`],
    ['an async function', `export default async () => { ${sums} return metric; };`],
  ])('is %s that gets the samples that count', async (_, code) => {
    expect(await measure(code)).toEqual([
      { name: 'sum', float: 7, quantized: 9 },
      { name: 'ratio', float: null, quantized: 9 / 7 },
    ]);
  });

  it('is told labels, place, number and shape', async () => {
    const code = `export default () => {
      const seen = [];
      return {
        add({ outputs, labels, index, samples }) { seen.push(index, samples, ...labels, ...outputs.float.y.dims); },
        result: () => Object.fromEntries(seen.map((value, i) => [\`n\${i}\`, value])),
      };
    };`;
    const values = (await measure(code, [7, 8, 9])).map(({ quantized }) => quantized);
    expect(values).toEqual([0, 2, 7, 8, 2, 1, /* second run */ 2, 1, 9, 1, 1]);
  });

  it('begins anew for each comparison, where it is a function', async () => {
    const make = await load(`export default () => { ${sums} return metric; };`);
    const y = new Map([['y', array([1, 1], [2])]]);
    for (let run = 0; run < 2; run++) {
      const meter = await make();
      await meter.add({ float: y, quantized: y }, undefined, { size: 1, samples: 1 }, 0);
      expect((await meter.result())[0]).toEqual({ name: 'sum', float: 2, quantized: 2 });
    }
  });

  it('gets float16 as numbers', async () => {
    const make = await load(`export default () => { ${sums} return metric; };`);
    const meter = await make();
    // 0x3e00 is 1.5.
    const half: NdArray = { type: 'float16', dims: [1, 1], data: Uint16Array.of(0x3e00) };
    const y = new Map([['y', half]]);
    await meter.add({ float: y, quantized: y }, undefined, { size: 1, samples: 1 }, 0);
    expect((await meter.result())[0]).toEqual({ name: 'sum', float: 1.5, quantized: 1.5 });
  });

  it('what is no finite number is null', async () => {
    const code = `export default { add() {}, result: () => ({ a: NaN, b: 'x', c: { float: 1n, quantized: Infinity }, d: null }) };`;
    expect(await measure(code)).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => ({ name, float: null, quantized: null })),
    );
  });
});

describe('a module is refused that', () => {
  it('is not there, or throws while it loads', async () => {
    await expectRefusal(() => loadMetric('/nowhere/metric.mjs'), 'file-missing', 2);
    const error = await expectRefusal(() => load(`throw new Error('no weights')`), 'metric-failed', 2);
    expect(error.message).toMatch(/failed in loading: no weights\.$/);
  });

  it.each([
    ['has no default export', 'export const add = 1;', 'undefined'],
    ['has no result()', 'export default { add() {} };', 'an object with add'],
    ['makes nothing', 'export default () => {};', 'undefined'],
  ])('%s', async (_, code, found) => {
    const error = await expectRefusal(() => load(code), 'metric-contract', 2);
    expect(error.message).toContain(`its default export is ${found}`);
  });

  it('throws in add or in result, and says where', async () => {
    const add = `export default { add({ index }) { if (index) throw new Error('boom'); }, result: () => ({}) };`;
    const error = await expectRefusal(() => measure(add), 'metric-failed', 2);
    expect(error.message).toContain('failed in add of the samples from 2: boom');
    const result = `export default { add() {}, async result() { throw new TypeError('bad'); } };`;
    expect((await expectRefusal(() => measure(result), 'metric-failed', 2)).message).toContain(
      'in result: bad',
    );
  });

  it.each([['3'], ['[1]'], ['undefined'], ['null']])('gives %s instead of a record', async (value) => {
    await expectRefusal(
      () => measure(`export default { add() {}, result: () => ${value} };`),
      'metric-result',
      2,
    );
  });
});
