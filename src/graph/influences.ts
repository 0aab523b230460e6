import { type Graph, inputAt, intAttribute, isOp, type Node, subgraphsOf } from './model.js';

/** Operators that give all elements of their first input, in another shape or order. */
const moving = ['Expand', 'Flatten', 'Identity', 'Reshape', 'Squeeze', 'Tile', 'Transpose', 'Unsqueeze'];

/** Operators that read the shape of a value alone, or make of a shape what is as large whatever it is. */
const shaped = ['ConstantOfShape', 'Shape', 'Size'];

/** Operators whose result is as large whatever their first input holds. */
const normalizing = [
  'GroupNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'LpNormalization',
  'MeanVarianceNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
];

/** The values that decide how large each value is, by its name; none for what is fed, and for constants. */
export type Influences = ReadonlyMap<string, readonly string[]>;

/** The name of a value, and those that decide how large it is. */
type Influence = readonly [value: string | undefined, names: readonly (string | undefined)[]];

/**
 * What decides how large the values of a graph and its bodies are: what their makers read, and across the border of a body what is fed
 * to it and what it gives.
 *
 * - Of a value whose shape alone is read, and of one that is normalized, nothing goes on.
 * - What an If only moves, the same value in each branch, and what a Loop leaves as it is depends on that value alone.
 *
 * @param flat - a graph as one with its bodies (`flat.ts`)
 */
export function influencesOf(flat: Graph): Influences {
  const influences = new Map<string, readonly string[]>();
  /** What a value is but for its shape and order. */
  const sources = new Map<string, string>();
  const sourceOf = (value: string): string => sources.get(value) ?? value;
  for (const node of flat.nodes) {
    const bodies = subgraphsOf(node);
    for (const [value, names] of bodies.length > 0 ? acrossBodies(node, bodies, sourceOf) : within(node)) {
      if (!value) continue;
      const known = [...new Set(names)].filter((name) => name !== undefined && name !== '') as string[];
      influences.set(value, known);
      const [only] = known;
      const isMoved =
        bodies.length > 0 ? isOp(node, 'If', 'Loop') && known.length === 1 : isOp(node, ...moving);
      if (isMoved && only !== undefined) sources.set(value, sourceOf(only));
    }
  }
  return influences;
}

/** Of the results of a node without a body. */
function within(node: Node): Influence[] {
  const read = isOp(node, ...shaped)
    ? []
    : isOp(node, ...moving)
      ? node.inputs.slice(0, 1)
      : node.inputs.slice(normalizing.includes(node.opType) ? 1 : 0);
  return node.outputs.map((output) => [output, read]);
}

/** Of the results of a node with bodies, and of what is fed to these. */
function acrossBodies(
  node: Node,
  bodies: readonly Graph[],
  sourceOf: (value: string) => string,
): Influence[] {
  const given = bodies.map(({ outputs }) => outputs.map(({ name }) => name));
  if (isOp(node, 'If'))
    return node.outputs.map((output, i) => {
      const results = given.map((names) => names[i] ?? '');
      const [only, ...others] = new Set(results.map(sourceOf));
      // No two bodies make the same value: it is one from outside.
      return [output, bodies.length > 1 && others.length === 0 ? [only] : results];
    });
  const [body] = bodies;
  const [results = []] = given;
  if (body && isOp(node, 'Loop')) {
    const states = body.inputs.length - 2;
    const steps = [inputAt(node, 0), inputAt(node, 1), results[0]];
    return results.slice(1).flatMap((result, i): Influence[] => {
      const inner = body.inputs[2 + i]?.name;
      const fed = inputAt(node, 2 + i);
      if (i >= states) return [[node.outputs[i], [result, ...steps]]];
      const names = sourceOf(result) === inner ? [fed] : [fed, result, ...steps];
      return [inner, node.outputs[i]].map((value) => [value, names]);
    });
  }
  if (body && isOp(node, 'Scan')) {
    const states = body.inputs.length - intAttribute(node, 'num_scan_inputs', body.inputs.length);
    // Before version 9 the lengths of sequences came first.
    const first = node.inputs.length - body.inputs.length;
    const fed = body.inputs.map(
      ({ name }, i): Influence => [name, [inputAt(node, first + i), i < states ? results[i] : undefined]],
    );
    const made = node.outputs.map(
      (output, i): Influence => [output, [i < states ? inputAt(node, first + i) : undefined, results[i]]],
    );
    return [...fed, ...made];
  }
  const all = [...node.inputs, ...given.flat()];
  const fed = bodies.flatMap(({ inputs }) => inputs.map(({ name }): Influence => [name, node.inputs]));
  return [...fed, ...node.outputs.map((output): Influence => [output, all])];
}

/** The values that decide, over whatever others, how large some values are; these, too. */
export function behindAll(influences: Influences, values: Iterable<string>): Set<string> {
  const found = new Set(values);
  for (const value of found) for (const name of influences.get(value) ?? []) found.add(name);
  return found;
}
