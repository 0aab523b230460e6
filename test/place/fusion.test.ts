import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import type { Model } from '../../src/graph/model.js';
import { operators } from '../../src/place/operators.js';
import { operatorCases } from '../support/cases/operator-cases.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { optimizedOps } from '../support/sessions.js';

describe('the graph that a default session makes of a quantized model', () => {
  it.each(operatorCases)('$name', async ({ model, recipe, ops }) => {
    const { bytes } = await quantizeModel(model(), recipe);
    expect(await optimizedOps(bytes)).toBe(ops);
  });

  it('is asked for every row of the placement table', () => {
    const asked = new Set(
      operatorCases.flatMap(({ model }) => model().graph.nodes.map(({ opType }) => opType)),
    );
    // These two read shapes alone; the contracts of the graph hold them.
    const integer = Object.keys(operators).filter((opType) => opType !== 'Shape' && opType !== 'Size');
    expect(integer.filter((opType) => !asked.has(opType))).toEqual([]);
  });
});

describe('a Clip whose Q reaches about as far as it does', () => {
  /** Conv → Clip, its result quantized with this step. */
  async function clipped(low: number, high: number, step: number, zeroPoint: number): Promise<Model> {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.clip(net.conv('x', 'c'), 'y', low, high);
    const { float, plan } = await quantizeModel(finish(net, 'y'));
    const grid = { scale: Math.fround(step), zeroPoint, low: 0, high: 255 };
    const known = plan.activations.get('y');
    if (!known) throw new Error('y is not quantized');
    const chosen = { ...known, quantizer: { kind: 'affine', grid } as const };
    return emitModel(float, { ...plan, activations: new Map(plan.activations).set('y', chosen) }).model;
  }

  // onnxruntime 1.30 cannot load some of these with the Clip left in: the Q sticks out by less than half a step.
  it.each([
    [6 / 255, 'Q QLinearConv DQ'],
    [(6 / 255) * (1 + 2 ** -22), 'Q QLinearConv DQ'],
    [6 / 254.9, 'Q QLinearConv DQ'],
    [6 / 254.51, 'Q QLinearConv DQ'],
    [6 / 254.49, 'Q QLinearConv Clip DQ'],
    [6.1 / 255, 'Q QLinearConv Clip DQ'],
    [3 / 255, 'Q QLinearConv DQ'],
  ])('Relu6, step %d', async (step, ops) => {
    expect(await optimizedOps(await clipped(0, 6, step, 0))).toBe(ops);
  });

  it.each([
    [1 / 127.7, 'Q QLinearConv DQ'],
    [1 / 128, 'Q QLinearConv DQ'],
    [2 / 255, 'Q QLinearConv Clip DQ'],
    [1.98 / 255, 'Q QLinearConv DQ'],
  ])('Clip to ±1, step %d', async (step, ops) => {
    expect(await optimizedOps(await clipped(-1, 1, step, 128))).toBe(ops);
  });
});
