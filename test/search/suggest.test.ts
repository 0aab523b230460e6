import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { quantize } from '../../src/run/quantize.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Boxes a hundred times as large as scores, on one axis that a MatMul reads. */
function joined(): Model {
  const net = new Net();
  net.input('x', ['n', 4, 8, 8]);
  net.conv('x', 'a');
  net.node('Mul', [net.conv('a', 'b'), net.scalar('far', 300)], 'boxes');
  net.node('Sigmoid', [net.conv('a', 's')], 'scores');
  net.node('Concat', ['boxes', 'scores'], 'all', { axis: 1 });
  net.output('all', ['n', 8, 8, 8]);
  net.matMul('all', 'y', 8, 8);
  return finish(net, 'y', ['n', 8, 8, 8]);
}

/** What would be kept in float by itself. */
const rules = ['all', 'y'].map((pattern) => ({ pattern, actBits: 8 }));

async function run({ recipe, ...options }: Partial<Parameters<typeof quantize>[0]> = {}) {
  const folder = temporaryFolder();
  const model = join(folder, 'm.onnx');
  writeFileSync(model, encodeModel(joined()));
  const data = join(folder, 'x.npy');
  writeFileSync(data, npyBytes('<f4', [32, 4, 8, 8], randomFloats(32 * 256, 5)));
  return quantize({ model, data, output: join(folder, 'q.onnx'), recipe: { rules, ...recipe }, ...options });
}

const worst = ({ outputs }: Awaited<ReturnType<typeof run>>) =>
  Math.min(
    ...outputs
      .flatMap(({ exact: { sqnrDb, groups = [] } }) => [sqnrDb, ...groups.map((g) => g.sqnrDb)])
      .map((db) => db ?? 999),
  );

test('what is suggested first is the best of all exclusions, and gives what it says', async () => {
  const result = await run({ suggest: true });
  const [first] = result.suggestions;
  expect(first?.tried?.afterDb).toBeGreaterThan((first?.tried?.beforeDb ?? 0) + 10);
  let best = Number.NEGATIVE_INFINITY;
  for (const id of ['a', 'b', 's', 'all', 'y', 'scores'])
    best = Math.max(best, worst(await run({ recipe: { exclude: [id] } })));
  expect(first?.tried?.afterDb).toBeGreaterThan(best - 0.5);
});

test('an output that is far off has its culprit named unasked; one that is not, has not', async () => {
  const far = await run();
  expect(far.origins.length).toBeGreaterThan(4);
  expect(far.suggestions[0]?.tried?.afterDb).toBeGreaterThan((far.suggestions[0]?.tried?.beforeDb ?? 0) + 1);
  expect((await run({ suggest: false })).origins).toEqual([]);
  const near = await run({ recipe: { exclude: ['y', 'all'] } });
  expect(worst(near)).toBeGreaterThan(30);
  expect(near.origins).toEqual([]);
  expect(near.suggestions).toEqual([]);
});

test('--auto may leave a layer in float, where bits alone do not keep the limit', async () => {
  const result = await run({ auto: {}, gates: ['sqnr>=25dB'] });
  const kept = result.search?.layers.filter(({ scheme }) => scheme === 'float').map(({ id }) => id);
  expect(kept).toContain('y');
  expect(kept?.length).toBeLessThan(3);
  expect(result.recipe?.exclude).toEqual(kept);
  expect(result.search?.met).toBe(true);
  expect(worst(result)).toBeGreaterThan(25);
});

test('without a word the join stays float, and nothing is left to suggest', async () => {
  const result = await run({ recipe: { rules: [] } });
  expect(worst(result)).toBeGreaterThan(30);
  expect(result.suggestions).toEqual([]);
  expect(result.warnings.join()).toContain('"all" joins "scores" (up to');
  expect(result.warnings.join()).toContain('stays in float, and what reads it ("y")');
});
