import { type Graph, inputAt } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import { isInteger, type QuantizedValue, type Role, type WeightedNode } from './placement.js';

/** What is known of a graph once every node has its role. */
interface Placed {
  readonly graph: Graph;
  readonly uses: Uses;
  /** By node id. */
  readonly roles: ReadonlyMap<string, Role>;
  readonly weighted: readonly WeightedNode[];
  /** Width of what no layer reads: 8 bits, or 16 where the recipe has all so. */
  readonly usualBits: number;
}

/**
 * The values that exist as codes, and their widths.
 *
 * @param demanded - those that are wanted as codes; what moves codes makes more of them
 */
export function valuesOf(placed: Placed, demanded: ReadonlySet<string>): Map<string, QuantizedValue> {
  const { graph, uses, roles, usualBits } = placed;
  const roots = new Map<string, string>();
  const order = [...graph.inputs.map((input) => input.name), ...graph.nodes.flatMap((node) => node.outputs)];
  for (const name of order) {
    const node = uses.producer(name);
    const role = node && roles.get(node.id);
    const moves = role?.kind === 'codes' || (role?.kind === 'clamp' && role.form === 'codes');
    if (!moves && !demanded.has(name)) continue;
    const source = moves && node ? (inputAt(node, 0) ?? '') : name;
    roots.set(name, roots.get(source) ?? source);
  }
  const bits = bitsByRoot(placed.weighted, roots);
  const wide = rootsReadByOthers(placed, roots);
  const values = new Map<string, QuantizedValue>();
  for (const [name, root] of roots) {
    const node = uses.producer(name);
    const role = node && roles.get(node.id);
    const madeByInteger = role !== undefined && isInteger(role);
    const own = bits.get(root) ?? usualBits;
    const isWide = own < usualBits && wide.has(root);
    const widths = isWide ? { bits: usualBits, layerBits: own } : { bits: own, layerBits: undefined };
    values.set(name, { name, root, ...widths, madeByInteger });
  }
  return values;
}

/** `actBits` is for what layers read; what only passes through additions and pools keeps the usual ones. */
function bitsByRoot(
  weighted: readonly WeightedNode[],
  roots: ReadonlyMap<string, string>,
): Map<string, number> {
  const bits = new Map<string, number>();
  for (const { node, recipe, runs } of weighted) {
    const root = roots.get(inputAt(node, 0) ?? '');
    const { actBits } = recipe;
    if (runs.kind !== 'integer' || root === undefined || actBits === 'float') continue;
    // Readers that disagree get the wider codes.
    bits.set(root, Math.max(bits.get(root) ?? 0, actBits));
  }
  return bits;
}

/** Roots that something else than a layer reads as codes, as they are or moved: arithmetic, and whoever gets a DQ. */
function rootsReadByOthers({ uses, roles }: Placed, roots: ReadonlyMap<string, string>): Set<string> {
  const read = new Set<string>();
  for (const [name, root] of roots) {
    const producer = uses.producer(name);
    const made = producer && roles.get(producer.id);
    const isInside = made !== undefined && isInteger(made);
    const isRead = uses.readers(name).some(({ node }) => {
      const role = roles.get(node.id);
      return role?.kind === 'arithmetic' || (isInside && (role?.kind === 'float' || isFloatNode(role)));
    });
    const isKnown = isInside && (uses.isOutput(name) || uses.isCaptured(name));
    if (isRead || isKnown) read.add(root);
  }
  return read;
}

const isFloatNode = (role: Role | undefined): boolean =>
  role?.kind === 'weighted' && role.weighted.runs.kind !== 'integer';
