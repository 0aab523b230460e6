import type { Graph, Node } from '../../graph/model.js';
import { readsOf } from '../../graph/uses.js';
import type { RefinableLayer } from '../layers.js';

/** Nodes that are learned together: from where one value carries all that layers gave, to the next such place. */
export interface Block {
  /** The id of its last layer. */
  readonly id: string;
  /** In the order of the graph. */
  readonly nodes: readonly Node[];
  readonly layers: readonly RefinableLayer[];
  /** Values that it makes and that nodes behind it, or the outside, read. */
  readonly outputs: readonly string[];
  /** Values inside it that are to be those of float, too. */
  readonly hints: readonly string[];
}

/** A way to cut a graph into blocks. */
export type Cut = (graph: Graph, layers: readonly RefinableLayer[]) => readonly Block[];

/** Layers of a block, at most, where the graph is cut at other places than those with one value. */
const MOST_LAYERS = 8;

/**
 * Cut a graph into blocks (BRECQ, Li et al. 2021, §3.2): after each node behind which one value is left of all that depends
 * on a layer, so that a residual block, an attention or a feed-forward part is one. Where no such place comes for long,
 * as in a U-Net, the cut is where the fewest values cross it. The result depends on nothing but the graph.
 */
export function blocksOf(graph: Graph, layers: readonly RefinableLayer[]): Block[] {
  const { nodes } = graph;
  const crossing = crossingOf(graph, layers);
  const ofNode = new Map(layers.map((layer) => [layer.node, layer]));
  const bounds: number[] = [];
  let from = 0;
  for (let at = 0; at < nodes.length; at++) {
    if (!isCut(nodes, ofNode, crossing, at) && at !== nodes.length - 1) continue;
    bounds.push(...innerCuts(nodes, ofNode, crossing, from, at), at);
    from = at + 1;
  }
  return withLayers(graph, bounds, ofNode);
}

/** Operators that leave less of a value than there was: a block is compared before them. */
const reducing = /Pool|Reduce|Flatten|Reshape|Squeeze|Softmax|TopK/;

/** Whether a block ends behind a node: one value is left there, and what follows is not a function of it element by element. */
function isCut(
  nodes: readonly Node[],
  layers: ReadonlyMap<Node, RefinableLayer>,
  crossing: readonly number[],
  at: number,
): boolean {
  if (crossing[at] !== 1) return false;
  const next = nodes[at + 1];
  const goesOn = next && crossing[at + 1] === 1 && !layers.has(next) && !reducing.test(next.opType);
  return !goesOn;
}

/**
 * The whole graph as one block, what smaller blocks of its second half give for hints (FitNets, Romero et al. 2015): those
 * in front serve what is behind them, and to bind them, too, takes from that (ResNet-20, W2A2: docs/refine.md).
 */
export function wholeBlock(graph: Graph, layers: readonly RefinableLayer[]): Block[] {
  const inner = blocksOf(graph, layers).slice(0, -1);
  const hints = inner.slice(Math.floor(inner.length / 2)).flatMap(({ outputs }) => outputs);
  return withLayers(graph, [graph.nodes.length - 1], new Map(layers.map((layer) => [layer.node, layer]))).map(
    (block) => ({ ...block, hints: hints.filter((value) => !block.outputs.includes(value)) }),
  );
}

/** For each node, how many values that depend on a layer are alive behind it. */
function crossingOf({ nodes, outputs }: Graph, layers: readonly RefinableLayer[]): number[] {
  const lastRead = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const value of readsOf(node)) lastRead.set(value, at);
  });
  for (const { name } of outputs) lastRead.set(name, nodes.length);
  const sources = new Set(layers.map(({ node }) => node));
  const dependent = new Set<string>();
  let alive: string[] = [];
  return nodes.map((node, at) => {
    const depends = sources.has(node) || readsOf(node).some((value) => dependent.has(value));
    if (depends) {
      for (const output of node.outputs) {
        if (!output) continue;
        dependent.add(output);
        alive.push(output);
      }
    }
    alive = alive.filter((value) => (lastRead.get(value) ?? -1) > at);
    return alive.length;
  });
}

/** Further cuts between two, so that no part has more than so many layers: each where the fewest values cross. */
function innerCuts(
  nodes: readonly Node[],
  layers: ReadonlyMap<Node, RefinableLayer>,
  crossing: readonly number[],
  from: number,
  to: number,
): number[] {
  const places: number[] = [];
  for (let at = from; at <= to; at++) if (layers.has(nodes[at] as Node)) places.push(at);
  if (places.length <= MOST_LAYERS) return [];
  // Between the quarters of the layers, so that both parts have some.
  const quarter = Math.floor(places.length / 4);
  const [first, last] = [places[quarter] as number, places[places.length - 1 - quarter] as number];
  let best = first;
  for (let at = first; at < last; at++) if ((crossing[at] as number) < (crossing[best] as number)) best = at;
  return [
    ...innerCuts(nodes, layers, crossing, from, best),
    best,
    ...innerCuts(nodes, layers, crossing, best + 1, to),
  ];
}

/** The parts that end at the bounds; one without a layer joins the next, or the last one. */
function withLayers(
  graph: Graph,
  bounds: readonly number[],
  layers: ReadonlyMap<Node, RefinableLayer>,
): Block[] {
  const parts: Node[][] = [];
  let waiting: Node[] = [];
  let from = 0;
  for (const bound of bounds) {
    waiting.push(...graph.nodes.slice(from, bound + 1));
    from = bound + 1;
    if (!waiting.some((node) => layers.has(node))) continue;
    parts.push(waiting);
    waiting = [];
  }
  parts.at(-1)?.push(...waiting);
  return parts.map((nodes) => {
    const own = nodes.flatMap((node) => layers.get(node) ?? []);
    return { id: own.at(-1)?.node.id ?? '', nodes, layers: own, outputs: outputsOf(graph, nodes), hints: [] };
  });
}

function outputsOf(graph: Graph, nodes: readonly Node[]): string[] {
  const inside = new Set(nodes);
  const outside = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes)
    if (!inside.has(node)) for (const value of readsOf(node)) outside.add(value);
  return nodes.flatMap((node) => node.outputs.filter((output) => output && outside.has(output)));
}
