import { GraphEditor } from '../graph/editor.js';
import type { Model } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { contentOf } from '../graph/tensor-content.js';
import { elementCount } from '../numerics/nd-array.js';
import type { Pass } from './pass.js';

/** Types of shapes, axes and indices: no weight or bias is of these, which are told apart by name. */
const INDEX_TYPES: ReadonlySet<string> = new Set(['int64', 'int32', 'bool']);

/**
 * Constants that hold the same are one: shapes, axes and indices, which exporters write anew wherever one is read, and
 * scalars.
 *
 * - Graph inputs and outputs stay, and so do float tensors: layers that share a weight are quantized as one.
 */
export const equalConstants: Pass = {
  name: 'equal-constants',
  summary: 'constants that hold the same are written once',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    const editor = new GraphEditor(model);
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    const first = new Map<string, string>();
    let merged = 0;
    for (const [name, tensor] of [...graph.initializers]) {
      if (inputs.has(name) || editor.uses.isOutput(name) || !isMergeable(tensor)) continue;
      const key = contentOf(tensor);
      const known = first.get(key);
      if (known === undefined) {
        first.set(key, name);
        continue;
      }
      editor.replaceReads(name, known);
      graph.initializers.delete(name);
      merged++;
    }
    return merged;
  },
};

const isMergeable = ({ dataType, dims, storage }: Tensor): boolean =>
  storage.kind !== 'strings' &&
  (INDEX_TYPES.has(dataType) || (dataType === 'float32' && dims.length === 0 && elementCount(dims) === 1));
