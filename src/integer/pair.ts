import type { Node } from '../graph/model.js';
import { activationAt, boundsOf, constantCodes, type ProgramSource, resultOf } from './kernel.js';
import type { Codes } from './program.js';

/** Operands and result of an operator of codes: two for Add and Mul, any number for Concat. */
export function readOperands(node: Node, source: ProgramSource) {
  const reads = node.inputs.map((_, index) => activationAt(node, index, source));
  const written = resultOf(node.outputs[0] ?? '', source);
  const constants = new Map<string, Codes>();
  for (const read of reads) {
    const codes = constantCodes(read);
    if (codes) constants.set(read.name, codes);
  }
  return {
    inputs: reads.map((read) => source.valueOf(read)),
    output: source.valueOf(written),
    bounds: boundsOf(written),
    nodes: written.nodes,
    constants,
  };
}
