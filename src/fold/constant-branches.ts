import { tensorOfConstant } from '../graph/constant-node.js';
import { NameScope, renameValue, replaceReads, valueNames } from '../graph/edit.js';
import { type Graph, inputAt, isOp, type Model, type Node, node } from '../graph/model.js';
import { arrayOf } from '../graph/tensor.js';
import { constantSubgraphs } from './constant-subgraphs.js';
import type { FoldContext, Pass } from './pass.js';

/**
 * An If whose condition is a constant becomes the branch that it takes.
 *
 * - The branch's values keep their names, unless the graph has such a name already.
 * - An output that a node of the branch makes takes the name of the If's; any other is copied by an Identity.
 * - An If inside the branch is looked at in turn, and what the branch computes of constants is evaluated.
 */
export const constantBranches: Pass = {
  name: 'constant-branches',
  summary: 'an If with a constant condition becomes the branch that it takes',
  needs: ['constants are initializers', 'initializers are not fed'],
  ensures: [],
  async run(model: Model, context: FoldContext): Promise<number> {
    let changes = 0;
    for (;;) {
      const inlined = inlineAll(model.graph);
      if (inlined === 0) return changes;
      // A branch may compute the condition of the next.
      changes += inlined + (await constantSubgraphs.run(model, context));
    }
  },
};

function inlineAll(graph: Graph): number {
  let inlined = 0;
  for (;;) {
    const at = graph.nodes.findIndex((each) => branchOf(graph, each) !== undefined);
    const found = graph.nodes[at];
    const branch = found && branchOf(graph, found);
    if (!branch) return inlined;
    // Without it first, so that its branches' names are free.
    graph.nodes.splice(at, 1);
    graph.nodes.splice(at, 0, ...inline(graph, found, branch));
    inlined++;
  }
}

/** The branch that an If takes at every run; undefined where that is not known. */
function branchOf(graph: Graph, found: Node): Graph | undefined {
  if (!isOp(found, 'If')) return undefined;
  const condition = graph.initializers.get(inputAt(found, 0) ?? '');
  // A constant with the name of an input is its default value alone.
  if (!condition || graph.inputs.some(({ name }) => name === inputAt(found, 0))) return undefined;
  if (condition.dataType !== 'bool') return undefined;
  const taken = found.attributes.get(arrayOf(condition).data[0] ? 'then_branch' : 'else_branch');
  return taken?.kind === 'graph' ? taken.value : undefined;
}

/** The nodes of a branch, its constants added to the graph. */
function inline(graph: Graph, found: Node, branch: Graph): Node[] {
  const names = new NameScope(graph);
  for (const output of found.outputs) names.fresh(output);
  const own = valueNames(branch);
  const free = (name: string): string => {
    let wanted = names.fresh(name);
    while (wanted !== name && own.has(wanted)) wanted = names.fresh(name);
    return wanted;
  };
  const results = branch.outputs.map(({ name }) => name);
  const rename = (from: string, to: string) => {
    if (from === to) return;
    renameValue(branch, from, to);
    results.forEach((name, i) => {
      if (name === from) results[i] = to;
    });
  };
  for (const each of branch.nodes) {
    const tensor = isOp(each, 'Constant') ? tensorOfConstant(each) : undefined;
    if (tensor && each.outputs[0]) branch.initializers.set(each.outputs[0], tensor);
  }
  branch.nodes = branch.nodes.filter((each) => !branch.initializers.has(each.outputs[0] ?? ''));
  for (const [name, tensor] of branch.initializers) {
    const kept = free(name);
    if (kept !== name) {
      replaceReads(branch, name, kept);
      results.forEach((result, i) => {
        if (result === name) results[i] = kept;
      });
    }
    graph.initializers.set(kept, tensor);
  }
  for (const each of branch.nodes) for (const name of each.outputs) if (name) rename(name, free(name));
  for (const info of branch.valueInfo.values())
    if (!graph.valueInfo.has(info.name)) graph.valueInfo.set(info.name, info);

  const copies: Node[] = [];
  found.outputs.forEach((wanted, i) => {
    const result = results[i];
    if (!wanted || result === undefined) return;
    const isMade = branch.nodes.some(({ outputs }) => outputs.includes(result));
    if (isMade && !found.outputs.includes(result)) rename(result, wanted);
    else copies.push(node('Identity', [result], [wanted]));
  });
  const ids = new Set(graph.nodes.map(({ id }) => id));
  return [...branch.nodes, ...copies].map((each) => {
    const id = ids.has(each.id) ? names.fresh(each.id) : each.id;
    ids.add(id);
    return { ...each, id };
  });
}
