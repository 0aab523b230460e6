/**
 * Which of some points are on the Pareto front: those that no other is at least as good as everywhere and better
 * somewhere. Equal points are on it together.
 *
 * @param points - the costs of each, of one length; less is better
 */
export function paretoFront(points: readonly (readonly number[])[]): boolean[] {
  return points.map((point) => !points.some((other) => dominates(other, point)));
}

function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((cost, i) => cost <= (b[i] as number)) && a.some((cost, i) => cost < (b[i] as number));
}
