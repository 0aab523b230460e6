import { count } from './facts.js';
import type { Result } from './result.js';

/** How many quantized layers the table of layers leaves out, since nothing is read out of bodies; undefined where there are none. */
export function layersLeftOut({ plan }: Pick<Result, 'plan'>): string | undefined {
  const others = plan.layers.filter(
    ({ inside, quantized }) => quantized && typeof inside === 'string',
  ).length;
  if (others === 0) return undefined;
  return `${count(others, 'layer')} in the bodies of If, Loop and Scan ${others === 1 ? 'is' : 'are'} not among them`;
}
