import { NameScope } from '../graph/edit.js';
import type { Graph } from '../graph/model.js';

/** A name of the model up to this length stays whole in the names that are made from it. */
const SHORT = 16;

/** What a layer reads as its weight keeps the weight's whole name: it is what people look for. */
const KEPT_SUFFIX = 'dq';

/**
 * Names for what quantization adds: `<name>_<suffix>`, where a long name of the model gives way to a number, `v12_<suffix>`.
 * Exporters give names of 50 characters, and each is written a dozen times a layer: a sixth of a small 4-bit file.
 */
export class EmittedNames extends NameScope {
  readonly #graph: Graph;
  readonly #known: ReadonlySet<string>;
  readonly #numbers = new Map<string, string>();

  /** @param graph - the float model: its names stay as they are */
  constructor(graph: Graph) {
    super(graph);
    this.#graph = graph;
    this.#known = new Set([
      ...graph.initializers.keys(),
      ...graph.inputs.map(({ name }) => name),
      ...graph.nodes.flatMap(({ outputs }) => outputs),
    ]);
  }

  override fresh(wanted: string): string {
    for (let at = wanted.lastIndexOf('_'); at > SHORT; at = wanted.lastIndexOf('_', at - 1)) {
      const name = wanted.slice(0, at);
      if (!this.#known.has(name)) continue;
      const suffix = wanted.slice(at + 1);
      const rank = this.#graph.initializers.get(name)?.dims.length ?? 0;
      const isKept = suffix === KEPT_SUFFIX && rank > 1;
      return super.fresh(isKept ? wanted : `${this.#numberOf(name)}_${suffix}`);
    }
    return super.fresh(wanted);
  }

  #numberOf(name: string): string {
    const number = this.#numbers.get(name) ?? `v${this.#numbers.size}`;
    this.#numbers.set(name, number);
    return number;
  }
}
