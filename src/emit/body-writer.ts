import { type Attribute, type Graph, type Node, node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import type { WeightedNode } from '../place/placement.js';
import type { Plan } from '../quantize/plan.js';
import type { BlockTensor } from '../quantize/quantized-tensor.js';
import { BlockWriter, type Stored } from './block-writer.js';
import type { Constants } from './constants.js';
import { DynamicWriter } from './dynamic-writer.js';
import { RowWriter } from './row-writer.js';
import type { WeightWriter } from './weight-writer.js';

/** What the bodies of a graph are written with. */
interface BodySources {
  /** The float graph, whose constants the bodies read. */
  readonly source: Graph;
  readonly plan: Plan;
  readonly constants: Constants;
  /** Gets the nodes that make weights: those of the main graph. */
  readonly nodes: Node[];
  readonly weights: WeightWriter;
}

/**
 * Writes the bodies of If, Loop and Scan anew where layers stand in them. Their weights are made in the main graph, once, as
 * those of all others; the nodes that compute with them stand in the body.
 */
export class BodyWriter {
  readonly #sources: BodySources;
  readonly #inside: ReadonlySet<string>;
  readonly #inBlocks = new Map<BlockTensor, Stored>();

  constructor(sources: BodySources) {
    this.#sources = sources;
    const inner = sources.plan.placement.weighted.filter(({ owner }) => owner !== undefined);
    this.#inside = new Set(inner.map(({ node: { id } }) => id));
  }

  /** A node with its bodies as they are in the quantized model; itself where nothing in them is quantized. */
  rewritten(source: Node): Node {
    if (this.#inside.size === 0) return source;
    const attributes = new Map<string, Attribute>();
    for (const [name, found] of source.attributes) {
      if (found.kind === 'graph') attributes.set(name, { ...found, value: this.#body(found.value) });
      else if (found.kind === 'graphs')
        attributes.set(name, { ...found, value: found.value.map((body) => this.#body(body)) });
      else attributes.set(name, found);
    }
    return { ...source, attributes };
  }

  #body(body: Graph): Graph {
    const { plan, constants, weights, nodes: outside } = this.#sources;
    const nodes: Node[] = [];
    const writers = {
      dynamic: new DynamicWriter(nodes, constants, weights, outside),
      rows: new RowWriter(nodes, constants, weights),
      blocks: new BlockWriter({ nodes, outside, written: this.#inBlocks }, constants, plan.recipe),
    };
    for (const each of body.nodes) {
      const role = this.#inside.has(each.id) ? plan.placement.roles.get(each.id) : undefined;
      if (role?.kind === 'weighted') this.#write(role.weighted, nodes, writers);
      else nodes.push(this.rewritten(each));
    }
    return { ...body, nodes };
  }

  #write(
    weighted: WeightedNode,
    nodes: Node[],
    { dynamic, rows, blocks }: { dynamic: DynamicWriter; rows: RowWriter; blocks: BlockWriter },
  ): void {
    const { plan, source: graph, weights } = this.#sources;
    const { node: source, runs, bias, sites } = weighted;
    const [input = '', other = ''] = source.inputs;
    if (runs.kind === 'dynamic') {
      const row = graph.initializers.get(bias ?? '');
      dynamic.write(plan, weighted, input, row && floatsOf(row));
    } else if (runs.kind === 'float' && runs.stored === 'rows') {
      nodes.push(node('Mul', rows.write(plan, weighted, other), source.outputs));
    } else if (runs.kind === 'float' && runs.stored === 'blocks') {
      blocks.write(plan, weighted, input, bias);
    } else {
      const inputs = source.inputs.map((name, index) => {
        const site = sites.find((each) => each.input === index);
        return site ? weights.stored(plan, site) : name;
      });
      nodes.push({ ...source, inputs });
    }
  }
}
