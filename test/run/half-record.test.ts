import { describe, expect, it } from 'vitest';
import { loadAnyModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { halfNote } from '../../src/report/half-note.js';
import { quantize } from '../../src/run/quantize.js';
import { halfNet } from '../support/foreign-models.js';
import { randomFloats } from '../support/graph-builder.js';
import { Net } from '../support/nets.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFile } from '../support/temporary-file.js';

const data = (channels: number) =>
  temporaryFile('data.npy', npyBytes('<f4', [8, channels, 6, 6], randomFloats(8 * 36 * channels, 5)));

/** x → Conv → Tanh → Conv → y, and the power of it, which is beyond float16. */
function model(): string {
  const net = new Net();
  net.input('x', ['n', 4, 6, 6]);
  net.conv(net.node('Tanh', [net.conv('x', 'a')], 't'), 'y');
  net.node('Mul', ['y', net.scalar('k', 60_000)], 'm');
  net.output('y', ['n', 4, 6, 6]);
  net.output('m', ['n', 4, 6, 6]);
  return temporaryFile('m.onnx', encodeModel(net.build()));
}

async function run(recipe: GivenRecipe, path = model(), channels = 4) {
  const output = temporaryFile('q.onnx', new Uint8Array());
  const result = await quantize({ model: path, output, recipe, data: data(channels), suggest: false });
  return { result, graph: (await loadAnyModel(output)).model.graph };
}

describe('the record of floats in 16 bits', () => {
  it.each([
    ['nothing quantized', { exclude: ['*'] }, 4],
    ['weights alone', { activations: { kind: 'float' } }, 4],
    ['static, a layer in float', { exclude: ['y'] }, 3],
    ['dynamic, a layer in float', { exclude: ['y'], activations: { kind: 'dynamic' } }, 3],
  ] as const)('has what stays float32, and what it costs: %s', async (_, recipe, most) => {
    const { result } = await run({ ...recipe, float16: true });
    const { nodes, kept, cost } = result.float16 ?? { nodes: 0, kept: [], cost: [] };
    expect(nodes).toBeGreaterThan(0);
    expect(nodes).toBeLessThanOrEqual(most);
    expect(kept).toEqual([{ id: 'm', value: 'm', isConstant: false }]);
    expect(cost.map(({ name }) => name)).toEqual(['y', 'm']);
    for (const { halfDb, wideDb } of cost) {
      // Rounding to 11 bits is little beside the quantization, and all where nothing is quantized.
      expect(halfDb).toBeGreaterThan('exclude' in recipe && recipe.exclude[0] === '*' ? 50 : 25);
      if (wideDb !== null) expect(Math.abs(wideDb - (halfDb ?? 0))).toBeLessThan(1);
    }
    expect(halfNote(result)).toMatch(
      /^float16: \d operators?; "m" stays in float32, since it goes beyond float16; y \d/,
    );
    expect(result.layers.every(({ drift }) => (drift.sqnrDb ?? 99) > 20)).toBe(true);
  });

  it('is none without the flag', async () => {
    expect((await run({})).result.float16).toBeNull();
  });

  it('is there for a model of float16, whose inputs and outputs keep their types', async () => {
    const path = temporaryFile('h.onnx', encodeModel(halfNet()));
    const { result, graph } = await run({ activations: { kind: 'float' } }, path, 2);
    expect(result.float16?.nodes).toBeGreaterThan(0);
    const types = [...graph.inputs, ...graph.outputs].map(({ dataType }) => dataType);
    expect(types).toEqual(types.map(() => 'float16'));
    expect(graph.nodes.map(({ opType }) => opType)).toContain('Conv');
  });
});
