import type { Model } from '../graph/model.js';
import { indexUses } from '../graph/uses.js';
import { forgetUnmade } from './facts.js';
import type { Pass } from './pass.js';

/**
 * Nodes and initializers that nothing reads vanish.
 *
 * - A node goes where none of its outputs is read, captured by a subgraph or returned.
 * - An initializer that a graph input lists stays: removing it would make the input mandatory.
 */
export const deadCode: Pass = {
  name: 'dead-code',
  summary: 'unread nodes and initializers vanish',
  needs: [],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    let removed = 0;
    for (;;) {
      const uses = indexUses(graph);
      const live = graph.nodes.filter((node) =>
        node.outputs.some((output) => output && !uses.isUnused(output)),
      );
      if (live.length === graph.nodes.length) break;
      removed += graph.nodes.length - live.length;
      graph.nodes = live;
    }
    const uses = indexUses(graph);
    forgetUnmade(model);
    const inputs = new Set(graph.inputs.map((input) => input.name));
    for (const name of [...graph.initializers.keys()]) {
      if (inputs.has(name) || !uses.isUnused(name)) continue;
      graph.initializers.delete(name);
      removed++;
    }
    return removed;
  },
};
