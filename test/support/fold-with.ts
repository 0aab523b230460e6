import { expect } from 'vitest';
import { defaultForm } from '../../src/fold/folded-form.js';
import type { Pass } from '../../src/fold/pass.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { type GraphBuilder, randomFloats } from './graph-builder.js';
import { expectSameOutputs, opTypes } from './same-outputs.js';
import { runIn } from './sessions.js';

export const foldContext = { evaluate: (model: Model) => runIn('disabled', model, {}), form: defaultForm };

/**
 * Run one pass in place, and check that the model has the operators expected and computes what it did before.
 *
 * @returns what the pass says it changed
 */
export async function foldWith(
  pass: Pass,
  model: Model,
  feed: Feed,
  operators: readonly string[],
): Promise<number> {
  const before = await runIn('disabled', model, feed);
  const changes = await pass.run(model, foldContext);
  expect(opTypes(model)).toEqual(operators);
  expectSameOutputs(await runIn('disabled', model, feed), before);
  return changes;
}

/** Check that a pass leaves a model as it is, to the byte. */
export async function leavesAlone(pass: Pass, model: Model): Promise<void> {
  const before = encodeModel(model);
  expect(await pass.run(model, foldContext)).toBe(0);
  expect(Buffer.compare(encodeModel(model), before)).toBe(0);
}

/**
 * Adds the four parameters of a BatchNormalization, far from the neutral 1, 0, 0, 1, so that a wrong formula shows.
 *
 * @returns the inputs of the node, `x` first
 */
export function batchNormInputs(g: GraphBuilder, x: string, channels: number, seed = 40): string[] {
  const ranges = { gamma: [-5, 5], beta: [-20, 20], mean: [-9, 9], variance: [0.05, 30] } as const;
  const names = Object.entries(ranges).map(([role, [low, high]], i) =>
    g.constant(`${x}_${role}`, [channels], randomFloats(channels, seed + i, low, high)),
  );
  return [x, ...names];
}
