import { GraphEditor } from '../graph/editor.js';
import { equationOf } from '../graph/einsum.js';
import { type Graph, isOp, type Model, type Node, node } from '../graph/model.js';
import type { Pass } from './pass.js';
import { turned } from './turned.js';

/**
 * An Einsum of a value and a constant matrix that is a MatMul becomes one.
 *
 * - Two terms, one of them a float32 constant of two axes that nothing else has to follow: `bij,jk->bik`, `jk,bij->bik`,
 *   `...i,oi->...o`.
 * - The axis that is summed over is the last of the value, and the result has the matrix's other axis in its place.
 * - A matrix that lies across is turned: a constant of its own. Anything else stays an Einsum.
 */
export const einsumMatMul: Pass = {
  name: 'einsum-matmul',
  summary: 'an Einsum with a constant matrix that is a MatMul becomes one',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const editor = new GraphEditor(model);
    let changes = 0;
    for (const found of [...model.graph.nodes]) {
      const product = productOf(model.graph, found);
      if (!product) continue;
      const { data, matrix, weight, isAcross } = product;
      const right = isAcross ? editor.addInitializer(`${matrix}_turned`, turned(weight)) : matrix;
      const made = node('MatMul', [data, right], found.outputs);
      editor.replace(found, { ...made, id: found.id, name: found.name });
      changes++;
    }
    return changes;
  },
};

function productOf(graph: Graph, found: Node) {
  if (!isOp(found, 'Einsum') || found.inputs.length !== 2) return undefined;
  const { terms, result } = equationOf(found);
  const labels = terms.map(labelsOf);
  const wanted = labelsOf(result);
  const at = found.inputs.findIndex((name) => graph.initializers.get(name)?.dims.length === 2);
  const [matrix = '', data = ''] = [found.inputs[at], found.inputs[1 - at]];
  const weight = graph.initializers.get(matrix);
  const [own, read] = [labels[at], labels[1 - at]];
  if (weight?.dataType !== 'float32' || graph.initializers.has(data)) return undefined;
  if (own?.length !== 2 || !read || own.includes('...') || new Set(read).size < read.length) return undefined;
  const summed = read.at(-1) ?? '';
  const made = own.find((label) => label !== summed);
  const isProduct =
    own.includes(summed) &&
    made !== undefined &&
    !read.includes(made) &&
    wanted.join() === [...read.slice(0, -1), made].join();
  return isProduct ? { data, matrix, weight, isAcross: own[1] === summed } : undefined;
}

/** The labels of a term: letters, and `...` for all axes that have none. */
const labelsOf = (term: string): string[] => term.match(/\.\.\.|./g) ?? [];
