import { Steps } from '../../src/derive/steps.js';
import { NameScope } from '../../src/graph/edit.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import type { GraphBuilder } from './graph-builder.js';

/** Steps whose constants go into a graph that is being built; their nodes are yet to be added to it. */
export function stepsIn(
  g: GraphBuilder,
  prefix: string,
): { steps: Steps; fresh: (wanted: string) => string } {
  const names = new NameScope(g.graph);
  const fresh = (wanted: string) => names.fresh(wanted);
  const constantOf = (array: NdArray) => {
    const name = fresh('constant');
    g.graph.initializers.set(name, tensorOf(array));
    return name;
  };
  return { steps: new Steps({ floatType: 'float32', fresh, constantOf }, prefix), fresh };
}
