import { type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Plan } from '../quantize/plan.js';
import { judgedBy } from './judged.js';
import { refinableLayers } from './layers.js';
import type { WalkSources } from './open-walk.js';
import { runTwin } from './run-twin.js';
import { twinGraphOf } from './twin-graph.js';

/** Squared difference from float, and squared signal. */
export interface SquareSums {
  error: number;
  signal: number;
}

export function addSquares(sums: SquareSums, wanted: NdArray, found: NdArray): void {
  const [a, b] = [numbersOf(wanted), numbersOf(found)];
  for (let k = 0; k < a.length; k++) {
    sums.error += ((a[k] as number) - (b[k] as number)) ** 2;
    sums.signal += (a[k] as number) ** 2;
  }
}

/**
 * The error of a plan on samples: of each float output of the model, the squared difference from float over the squared
 * signal; the mean of all outputs. Probabilities are judged by their logits (judged.ts).
 *
 * @returns 0 where the model has no float output
 */
export async function outputError(plan: Plan, sources: Omit<WalkSources, 'maxMemoryBytes'>): Promise<number> {
  const { model } = sources;
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const pairs = twin.outputs
    .map((output) => judgedBy(twin, output))
    .filter(({ float, quantized }) => float !== quantized);
  const errors = pairs.map(() => ({ error: 0, signal: 0 }));
  const outputs = pairs.flatMap(({ float, quantized }) => [float, quantized]);
  if (outputs.length === 0) return 0;
  await runTwin(sources, { twin, layers }, outputs, (results) => {
    pairs.forEach(({ float, quantized }, i) => {
      const [wanted, found] = [results.get(float), results.get(quantized)];
      const sums = errors[i];
      if (wanted?.type !== 'float32' || !found || !sums) return;
      addSquares(sums, wanted, found);
    });
  });
  const known = errors.filter(({ signal }) => signal > 0);
  return known.reduce((sum, { error, signal }) => sum + error / signal, 0) / Math.max(1, known.length);
}
