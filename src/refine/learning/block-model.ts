import { THREADS } from '../../calibrate/session-threads.js';
import type { Model } from '../../graph/model.js';
import type { Tensor } from '../../graph/tensor.js';
import { makersOf } from '../../graph/uses.js';
import { withModel } from '../../load/with-model.js';
import type { NdArray } from '../../numerics/nd-array.js';
import { addSquares, type SquareSums } from '../output-error.js';
import { type Banks, feedOf, rowsOfBank, type ValueBank } from './banks.js';
import type { BlockGraph } from './block-graph.js';
import { EntropySum, type ScoredGoal } from './class-goal.js';

/** The quantized side of a block as a model by itself, as it is written: on quantized numbers, without the hints' float side. */
export function blockModel(
  model: Model,
  { nodes, constants, inputs, outputs }: BlockGraph,
  banks: Banks,
  replaced: ReadonlyMap<string, Tensor> = new Map(),
): Model {
  return {
    ...model,
    graph: {
      nodes: makersOf(
        nodes,
        outputs.map(({ quantized }) => quantized),
      ),
      initializers: new Map([...constants].map(([name, tensor]) => [name, replaced.get(name) ?? tensor])),
      inputs: inputs.map(({ quantized }) => {
        const { samples } = banks.values.get(quantized) as ValueBank;
        return { name: quantized, dataType: samples.type, shape: undefined };
      }),
      outputs: outputs.map(({ quantized }) => ({ name: quantized, dataType: undefined, shape: undefined })),
      valueInfo: new Map(),
    },
  };
}

/**
 * The error of a block on its samples: squared difference from float over the squared signal; with a goal, the mean
 * cross-entropy with the labels.
 *
 * @param batch - samples a run
 * @param replaced - constants that are other than the twin graph has them
 */
export async function blockError(
  { model, graph, banks, batch, goal }: ErrorSources,
  replaced: ReadonlyMap<string, Tensor> = new Map(),
): Promise<number> {
  const block = blockModel(model, graph, banks, replaced);
  const sums: SquareSums = { error: 0, signal: 0 };
  const entropy = goal && new EntropySum(goal);
  const settings = { mode: 'exact', threads: THREADS, label: 'a block of the model' } as const;
  await withModel(block, settings, async (session) => {
    for (let from = 0; from + batch <= banks.count; from += batch) {
      const results = await session.run(feedOf(banks, graph, from, batch));
      if (entropy) {
        entropy.add(results.get(goal.scores) as NdArray, banks.places.slice(from, from + batch));
        continue;
      }
      for (const { quantized, float } of graph.outputs) {
        const wanted = rowsOfBank(banks.values.get(float) as ValueBank, from, batch);
        addSquares(sums, wanted, results.get(quantized) as NdArray);
      }
    }
  });
  if (entropy) return entropy.mean;
  return sums.signal > 0 ? sums.error / sums.signal : 0;
}

/** What a block's error is measured with. */
export interface ErrorSources {
  readonly model: Model;
  readonly graph: BlockGraph;
  readonly banks: Banks;
  readonly batch: number;
  readonly goal?: ScoredGoal | undefined;
}
