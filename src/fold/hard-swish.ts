import { NameScope } from '../graph/edit.js';
import { attribute, isOp, type Model, node } from '../graph/model.js';
import type { Pass } from './pass.js';

/**
 * HardSwish becomes x·HardSigmoid(x) with slope 1/6 and offset 1/2: its definition, and what onnxruntime makes of it
 * too. Both halves have integer kernels, the whole has none.
 *
 * - The Mul takes over the output's name.
 */
export const hardSwish: Pass = {
  name: 'hard-swish',
  summary: 'HardSwish becomes x·HardSigmoid(x)',
  needs: [],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    const found = graph.nodes.filter((each) => isOp(each, 'HardSwish')).length;
    if (found === 0) return 0;
    const names = new NameScope(graph);
    graph.nodes = graph.nodes.flatMap((each) => {
      if (!isOp(each, 'HardSwish')) return [each];
      const [input = ''] = each.inputs;
      const gate = names.fresh(`${each.outputs[0]}_gate`);
      const slope = { alpha: attribute.float(Math.fround(1 / 6)), beta: attribute.float(0.5) };
      return [
        node('HardSigmoid', [input], [gate], slope),
        { ...each, opType: 'Mul', inputs: [input, gate], attributes: new Map() },
      ];
    });
    return found;
  },
};
