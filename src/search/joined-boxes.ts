import { type Graph, inputAt, intAttribute, isOp, type Model, type Node } from '../graph/model.js';
import { indexUses } from '../graph/uses.js';
import { measureShapes } from '../load/measure-shapes.js';
import type { Feed } from '../numerics/nd-array.js';
import type { SessionSettings } from '../runtime/session.js';

/** What stands between an output and the Concat that joins its fields. */
const MOVES = ['Transpose', 'Reshape', 'Identity', 'Cast', 'Squeeze', 'Unsqueeze', 'Flatten', 'Slice'];

/** Fields of a box. */
const BOX = 4;
/** Fields beside them, at least: a score. */
const LEAST_OTHERS = 1;
/** The rank of an output with boxes. */
const RANK = 3;

/**
 * Whether an output of the graph joins four fields with others, as the heads of YOLO do: behind moves of values alone stands a Concat
 * whose first operands have four elements along its axis (one of 4, or centres and sizes of 2), and whose others have those that are
 * left of an axis of the output; or a Concat of such Concats, one for each map.
 *
 * @param feed - of a run that tells the shapes
 */
export async function joinsBoxes(model: Model, feed: Feed, settings: SessionSettings): Promise<boolean> {
  const { graph } = model;
  const joins = graph.outputs.map(({ name }) => ({ name, concats: concatsBehind(graph, name) }));
  const found = joins.filter(({ concats }) => concats.length > 0);
  if (found.length === 0) return false;
  const values = found.flatMap(({ name, concats }) => [name, ...concats.flatMap(({ inputs }) => inputs)]);
  const asked = [...new Set(values)].filter((value) => !graph.initializers.has(value));
  const shapes = await measureShapes(model, asked, feed, settings);
  return found.some(({ name, concats }) => {
    const dims = shapes.get(name) ?? [];
    return dims.length === RANK && concats.some((concat) => joinsFour(concat, dims, shapes));
  });
}

/** The Concats that an output is moved from: the one behind it, and those behind the first operand of that. */
function concatsBehind(graph: Graph, output: string): Node[] {
  const uses = indexUses(graph);
  const concats: Node[] = [];
  let at = uses.producer(output);
  for (let steps = graph.nodes.length; at && steps > 0; steps--) {
    if (isOp(at, 'Concat')) concats.push(at);
    else if (!isOp(at, ...MOVES)) break;
    at = uses.producer(inputAt(at, 0) ?? '');
  }
  return concats;
}

function joinsFour(
  concat: Node,
  output: readonly number[],
  shapes: ReadonlyMap<string, readonly number[]>,
): boolean {
  const parts = concat.inputs.map((input) => {
    const dims = shapes.get(input) ?? [];
    return dims.at(intAttribute(concat, 'axis', 0)) ?? 0;
  });
  let [before, joined] = [0, false];
  const total = parts.reduce((sum, part) => sum + part, 0);
  for (const part of parts) {
    before += part;
    joined ||= before === BOX;
  }
  return joined && total >= BOX + LEAST_OTHERS && output.slice(1).includes(total);
}
