import type { Shard } from '../../../calibration/source.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { Shapes } from '../open-walk.js';
import type { BlockGraph } from './block-graph.js';

/**
 * What a step takes for an element that a layer gives beside its products, for quantizers and their gradients, in products:
 * between what two residual blocks of ResNet-20 tell, of 16 and of 64 channels.
 */
const PRODUCTS_PER_ELEMENT = 300;

/** What a step of each block takes for a sample, in products. */
export const costsOf = (graphs: readonly BlockGraph[], shapes: Shapes): number[] =>
  graphs.map(({ layers }) =>
    layers.reduce((sum, { layer: { output, linear } }) => {
      const columns = elementCount(linear.weight.dims) / linear.outputChannels;
      return sum + elementCount(shapes.get(output) ?? []) * (columns + PRODUCTS_PER_ELEMENT);
    }, 0),
  );

/**
 * Which of several pieces of work a shard has: each in turn, the largest first, goes to the shard that has least (longest
 * processing time first, Graham 1969). Of what is equal, the first.
 */
export function dealt(costs: readonly number[], { index, count }: Shard): Set<number> {
  const loads = new Array<number>(count).fill(0);
  const order = costs.map((cost, at) => ({ cost, at })).sort((a, b) => b.cost - a.cost || a.at - b.at);
  const own = new Set<number>();
  for (const { cost, at } of order) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least] = (loads[least] as number) + cost;
    if (least === index - 1) own.add(at);
  }
  return own;
}
