import { dataTypeCodes } from '../graph/data-type.js';
import { attribute, type Node, node } from '../graph/model.js';
import type { WeightedNode } from '../place/placement.js';
import { integerWeight, type Plan } from '../quantize/plan.js';
import type { Constants } from './constants.js';
import type { WeightWriter } from './weight-writer.js';

/** Rows looked up in a stored table: Gather the codes → Cast → Mul by the gathered scales. */
export class RowWriter {
  readonly #nodes: Node[];
  readonly #constants: Constants;
  readonly #weights: WeightWriter;

  constructor(nodes: Node[], constants: Constants, weights: WeightWriter) {
    this.#nodes = nodes;
    this.#constants = constants;
    this.#weights = weights;
  }

  /**
   * @param indices - the rows that are wanted
   * @returns the operands of the Mul that gives them in float: codes and scales
   */
  write(plan: Plan, { node: source, sites: [site] }: WeightedNode, indices: string): [string, string] {
    const table = integerWeight(plan, site);
    const fresh = (suffix: string) => this.#constants.names.fresh(`${source.id}_${suffix}`);
    const [codes, floats] = [fresh('q'), fresh('w')];
    const { integers, scale } = this.#weights.rows(table, site.weightName);
    this.#nodes.push({ ...source, inputs: [integers, indices], outputs: [codes] });
    this.#nodes.push(node('Cast', [codes], [floats], { to: attribute.int(dataTypeCodes.float32) }));
    if (table.axis === undefined) return [floats, scale];
    const rowScale = fresh('s');
    this.#nodes.push(node('Gather', [scale, indices], [rowScale]));
    return [floats, rowScale];
  }
}
