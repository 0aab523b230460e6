import type { Graph } from '../graph/model.js';
import { makersOf, readsOf } from '../graph/uses.js';
import type { NdArray } from '../numerics/nd-array.js';
import { encodeModel } from '../proto/encode.js';
import { withSession } from '../runtime/session.js';
import type { Objective } from './objective.js';
import { modelOf } from './step-graph.js';

/**
 * Values of an objective's graph that depend on its parameters alone, computed once more from what was learned.
 *
 * @param names - the values wanted; those that are parameters themselves are given back
 */
export async function computeValues(
  objective: Objective,
  names: readonly string[],
  parameters: ReadonlyMap<string, NdArray>,
): Promise<Map<string, NdArray>> {
  const { graph } = objective;
  const found = new Map<string, NdArray>();
  const wanted = new Set<string>();
  for (const name of names) {
    const known = parameters.get(name);
    if (known) found.set(name, known);
    else wanted.add(name);
  }
  if (wanted.size === 0) return found;
  const nodes = makersOf(graph.nodes, wanted);
  const read = new Set(nodes.flatMap(readsOf));
  const fed = [...parameters].filter(([name]) => read.has(name));
  const part: Graph = {
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name) || wanted.has(name))),
    inputs: fed.map(([name, { type, dims }]) => ({ name, dataType: type, shape: [...dims] })),
    outputs: [...wanted].map((name) => ({ name, dataType: undefined, shape: undefined })),
    valueInfo: new Map(),
  };
  const settings = { mode: 'disabled', threads: 1, label: 'what was learned' } as const;
  await withSession(encodeModel(modelOf(objective, part)), settings, async (session) => {
    for (const [name, array] of await session.run(Object.fromEntries(fed), [...wanted]))
      found.set(name, array);
  });
  return found;
}
