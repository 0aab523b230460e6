import { expect } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import type { NdArray } from '../../src/numerics/nd-array.js';

/** Equal names, shapes, and numbers within `tolerance` of the largest magnitude of the output. */
export function expectSameOutputs(
  actual: ReadonlyMap<string, NdArray>,
  expected: ReadonlyMap<string, NdArray>,
  tolerance = 1e-5,
): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, array] of expected) {
    const other = actual.get(name);
    expect(other?.dims).toEqual(array.dims);
    const numbers = numbersOf(array);
    const magnitude = numbers.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const worst = numbers.reduce((max, x, i) => Math.max(max, Math.abs(x - Number(other?.data[i]))), 0);
    expect(worst, `output ${name}`).toBeLessThanOrEqual(tolerance * magnitude);
  }
}

/** The elements as plain numbers. */
export function numbersOf(array: NdArray | undefined): number[] {
  if (!array) throw new Error('the model has no such output');
  return Array.from(array.data as ArrayLike<number>, Number);
}

/** Operator types in graph order. */
export function opTypes(model: Model): string[] {
  return model.graph.nodes.map((node) => node.opType);
}
