import { THREADS } from '../calibrate/calibrate.js';
import { type Graph, isOp, type Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import { type NdArray, numbersOf } from '../numerics/nd-array.js';
import type { Plan } from '../quantize/plan.js';
import { refinableLayers } from './layers.js';
import { chunksFor, type WalkSources } from './open-walk.js';
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

/** Operators whose results lie between 0 and 1, most of them at either end: what they read tells more. */
const squashing = ['Softmax', 'LogSoftmax', 'Sigmoid', 'Identity'];

/** The value of which an output is made: the logits of probabilities. */
function judgedOf(graph: Graph, output: string): string {
  const producer = graph.nodes.find((each) => each.outputs[0] === output);
  return producer && isOp(producer, ...squashing) ? judgedOf(graph, producer.inputs[0] ?? '') : output;
}

/**
 * The error of a plan on samples: of each float output of the model, the squared difference from float over the squared
 * signal; the mean of all outputs. Probabilities are judged by their logits: a few samples between two classes would be
 * all that the probabilities tell.
 *
 * @returns 0 where the model has no float output
 */
export async function outputError(plan: Plan, sources: Omit<WalkSources, 'maxMemoryBytes'>): Promise<number> {
  const { model } = sources;
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const pairs = twin.outputs
    .map((output) => {
      const float = judgedOf(model.graph, output.float);
      return float === output.float ? output : { float, quantized: twin.rawTwinOf(float) ?? float };
    })
    .filter(({ float, quantized }) => float !== quantized);
  const errors = pairs.map(() => ({ error: 0, signal: 0 }));
  const outputs = pairs.flatMap(({ float, quantized }) => [float, quantized]);
  if (outputs.length === 0) return 0;
  const both: Model = {
    ...model,
    graph: {
      ...model.graph,
      nodes: [...twin.nodes],
      initializers: twin.constants,
      outputs: outputs.map((name) => ({ name, dataType: undefined, shape: undefined })),
    },
  };
  const settings = { mode: 'exact', threads: THREADS, label: 'the quantized model' } as const;
  await withModel(both, settings, async (session) => {
    for await (const { feed } of chunksFor(sources, layers)) {
      const results = await session.run(feed, outputs);
      pairs.forEach(({ float, quantized }, i) => {
        const [wanted, found] = [results.get(float), results.get(quantized)];
        const sums = errors[i];
        if (wanted?.type !== 'float32' || !found || !sums) return;
        addSquares(sums, wanted, found);
      });
    }
  });
  const known = errors.filter(({ signal }) => signal > 0);
  return known.reduce((sum, { error, signal }) => sum + error / signal, 0) / Math.max(1, known.length);
}
