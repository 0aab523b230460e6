import type { Node } from '../../graph/model.js';
import type { Tensor } from '../../graph/tensor.js';
import { readsOf } from '../../graph/uses.js';
import { nodesOfShapes } from '../../place/shape-nodes.js';
import { judgedBy, type TwinPair } from '../judged.js';
import type { Rounding, TwinGraph, TwinLayer } from '../twin-graph.js';
import type { Block } from './blocks.js';

/** The quantized side of a block, cut out of the twin graph. */
export interface BlockGraph {
  readonly block: Block;
  /** In topological order. */
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  /** What it reads from outside, and the float value in its place; the same where none differs. */
  readonly inputs: readonly TwinPair[];
  /** What it gives, and should give; logits in place of probabilities that leave the model. */
  readonly outputs: readonly TwinPair[];
  /** Values inside it, and the float ones that they should be: nodes of the float side make these. */
  readonly hints: readonly TwinPair[];
  readonly layers: readonly TwinLayer[];
  readonly roundings: readonly Rounding[];
  /** Keys of quantizers that stay as they are. */
  readonly fixed: ReadonlySet<string>;
}

/**
 * The quantized sides of all blocks, but for those that nothing leaves which differs from float.
 *
 * @param isApart - whether none depends on what is learned of another: each has the roundings of what it reads, and a
 * quantizer that several have stays as it is
 */
export function blockGraphsOf(twin: TwinGraph, blocks: readonly Block[], isApart: boolean): BlockGraph[] {
  const graphs = blocks.flatMap((block) => blockGraphOf(twin, block, isApart) ?? []);
  if (!isApart) return graphs;
  const counts = new Map<string, number>();
  for (const { roundings } of graphs)
    for (const key of new Set(roundings.map(({ key }) => key))) counts.set(key, (counts.get(key) ?? 0) + 1);
  const fixed = new Set([...counts].flatMap(([key, count]) => (count > 1 ? [key] : [])));
  return graphs.map((graph) => ({ ...graph, fixed }));
}

/** The quantized side of a block; undefined where nothing that leaves it differs from float. */
export function blockGraphOf(twin: TwinGraph, block: Block, isApart = false): BlockGraph | undefined {
  const makers = new Map(twin.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  // On both sides, dimensions and what is made of them, as the first state of an LSTM: of another size with another batch.
  const ofShapes = nodesOfShapes(twin.nodes, twin.constants.keys());
  const outputs = block.outputs.flatMap((float): TwinPair[] => {
    const ofModel = twin.outputs.find((output) => output.float === float);
    const quantized = twin.rawTwinOf(float) ?? float;
    const pair = ofModel ? judgedBy(twin, ofModel) : { float, quantized };
    const isSame = pair.quantized === pair.float || ofShapes.has(makers.get(pair.quantized) as Node);
    return isSame ? [] : [pair];
  });
  if (outputs.length === 0) return undefined;
  const places = new Map(twin.nodes.map((node, at) => [node, at]));
  const first = Math.min(...block.nodes.map((node) => places.get(node) ?? 0));
  // Before it lies what other blocks made; what follows from shapes is found again, since they are those of the batch.
  const rounding = isApart ? new Set(twin.roundings.flatMap((each) => nodesOf(each, makers))) : undefined;
  const isOwn = (maker: Node) =>
    (places.get(maker) ?? 0) >= first || ofShapes.has(maker) || rounding?.has(maker) === true;
  const needed = new Set<Node>();
  const inputs = new Set<string>();
  const hints = block.hints.flatMap((float): TwinPair[] => {
    const quantized = twin.rawTwinOf(float);
    return quantized === undefined || quantized === float ? [] : [{ quantized, float }];
  });
  const waiting = [
    ...outputs.map(({ quantized }) => quantized),
    ...hints.flatMap(({ quantized, float }) => [quantized, float]),
  ];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const maker = makers.get(value);
    if (maker && isOwn(maker)) {
      if (needed.has(maker)) continue;
      needed.add(maker);
      waiting.push(...readsOf(maker));
    } else if (!twin.constants.has(value)) inputs.add(value);
  }
  const nodes = twin.nodes.filter((node) => needed.has(node));
  const isNeeded = (value: string) => needed.has(makers.get(value) as Node);
  const read = new Set(nodes.flatMap(readsOf));
  return {
    block,
    nodes,
    constants: new Map([...twin.constants].filter(([name]) => read.has(name))),
    inputs: [...inputs].map((quantized) => ({ quantized, float: twin.floatOf(quantized) ?? quantized })),
    outputs,
    hints,
    layers: twin.layers.filter(({ weight }) => read.has(weight)),
    roundings: twin.roundings.filter(({ output }) => isNeeded(output)),
    fixed: new Set(),
  };
}

/** The nodes of a rounding. */
function nodesOf({ value, output }: Rounding, makers: ReadonlyMap<string, Node>): Node[] {
  const found: Node[] = [];
  const waiting = [output];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const maker = next === value ? undefined : makers.get(next);
    if (!maker || found.includes(maker)) continue;
    found.push(maker);
    waiting.push(...readsOf(maker));
  }
  return found;
}
