import { describe, expect, it } from 'vitest';
import { emitPlan } from '../../src/emit/emit-plan.js';
import { withHalfConstants } from '../../src/emit/half-constants.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { halfToNumber, numberToHalf } from '../../src/numerics/half.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { numbersOf } from '../support/same-outputs.js';
import { optimizedOps, runIn } from '../support/sessions.js';

/** x → Conv → Conv → + constant. */
function model() {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.conv('x', 'a');
  net.conv('a', 'b');
  net.node('Add', ['b', net.random('field', [4, 6, 6])], 'y');
  return finish(net, 'y', [1, 4, 6, 6]);
}

const made = async (exclude: string[]) => {
  const { emitted, float, feeds } = await quantizeModel(model(), { exclude });
  return { emitted, float, feed: feeds[0] ?? {}, half: withHalfConstants(emitted, float) };
};

describe('constants that stay float, in float16', () => {
  it('are made float32 at load, each the nearest of float16, and all computes as before', async () => {
    const { emitted, float, feed, half } = await made(['b']);
    const { graph } = half.model;
    const stored = [...graph.initializers].filter(([, { dataType }]) => dataType === 'float16');
    expect(stored.map(([name]) => name)).toEqual(['b_weight_h', 'field_h']);
    const wanted = floatsOf(float.graph.initializers.get('b_weight') as never);
    expect([...floatsOf(stored[0]?.[1] as never)]).toEqual(
      [...wanted].map((value) => halfToNumber(numberToHalf(value))),
    );
    // The layer that is quantized has its codes, its scales and its bias as they were.
    for (const [name, tensor] of emitted.model.graph.initializers)
      if (name.startsWith('a_')) expect(graph.initializers.get(name)).toBe(tensor);
    const [full, short] = await Promise.all(
      [emitted, half].map((each) => runIn('default', each.model, feed)),
    );
    const [a, b] = [numbersOf(full?.get('y')), numbersOf(short?.get('y'))];
    const most = Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(0.005);
    expect(await optimizedOps(half.model)).toBe(await optimizedOps(emitted.model));
  });

  it('are written without a flag where the model had 16-bit floats', async () => {
    const { float, plan } = await quantizeModel(model(), { exclude: ['b'] });
    const typesOf = (given: Model) =>
      [...emitPlan(given, plan).emitted.model.graph.initializers.values()].map(({ dataType }) => dataType);
    expect(typesOf(float)).not.toContain('float16');
    expect(typesOf({ ...float, wasNarrow: true }).filter((type) => type === 'float16')).toHaveLength(2);
  });

  it('stay as they are where float16 does not hold them, or where nothing is saved', async () => {
    const { emitted, float } = await made(['b']);
    const scaled = (factor: number) => {
      const initializers = new Map(emitted.model.graph.initializers);
      const field = initializers.get('field') as never;
      const data = floatsOf(field).map((value) => value * factor);
      initializers.set('field', {
        dataType: 'float32',
        dims: [4, 6, 6],
        storage: { kind: 'raw', bytes: new Uint8Array(data.buffer) },
      });
      const changed = {
        ...emitted,
        model: { ...emitted.model, graph: { ...emitted.model.graph, initializers } },
      };
      return [...withHalfConstants(changed, float).model.graph.initializers.keys()];
    };
    expect(scaled(1)).toContain('field_h');
    expect(scaled(1e6)).toContain('field');
    expect(scaled(1e-7)).toContain('field');
    // b's bias has four values.
    expect(scaled(1).some((name) => name.startsWith('b_bias') && name.endsWith('_h'))).toBe(false);
  });

  it('are none where all is quantized', async () => {
    const net = new Net();
    net.input('x', [1, 4, 6, 6]);
    net.conv('x', 'a');
    const { emitted, float } = await quantizeModel(finish(net, 'a', [1, 4, 6, 6]));
    expect(withHalfConstants(emitted, float)).toBe(emitted);
  });
});
