/** What one choice for a layer costs, and what it does. */
export interface Choice {
  readonly bytes: number;
  /** Noise power at the model's output, as a share of the signal's. */
  readonly noise: number;
}

/** Choices from the smallest model to the most accurate one, each a step of one layer beyond the one before. */
export interface BitPath {
  /** The index of each layer's choice in the smallest model. */
  readonly smallest: readonly number[];
  readonly steps: readonly Step[];
}

/** One layer takes a larger and more accurate choice. */
interface Step {
  readonly layer: number;
  readonly choice: number;
  /** Noise removed for each byte added. */
  readonly gain: number;
}

/**
 * Bit allocation for any set of quantizers (Shoham and Gersho 1988): with noises that add, and sizes that add, the best
 * model for a price λ of a byte has in each layer the choice of least noise + λ·bytes, which lies on the lower convex hull
 * of that layer's choices. As λ falls, one layer at a time moves along its hull. So the path holds the best models
 * of their sizes; those between two of its points it leaves out.
 *
 * @param layers - the choices of each layer, at least one
 */
export function bitPath(layers: readonly (readonly Choice[])[]): BitPath {
  const hulls = layers.map(lowerHull);
  const steps = hulls.flatMap((hull, layer) =>
    hull.slice(1).map((choice, i): Step => {
      const [from, to] = [choiceOf(layers, layer, hull[i]), choiceOf(layers, layer, choice)];
      return { layer, choice, gain: (from.noise - to.noise) / (to.bytes - from.bytes) };
    }),
  );
  // Stable: of equal gains the earlier layer comes first, and each layer's own steps stay in order.
  steps.sort((a, b) => b.gain - a.gain);
  return { smallest: hulls.map((hull) => hull[0] ?? 0), steps };
}

/** The choice of each layer after so many steps of a path. */
export function choicesAfter({ smallest, steps }: BitPath, count: number): number[] {
  const choices = [...smallest];
  for (const { layer, choice } of steps.slice(0, count)) choices[layer] = choice;
  return choices;
}

/**
 * Indices of the choices on the lower convex hull of (bytes, noise), from the smallest on; noise falls along it, at an
 * ever lower rate. Of choices that are the same in both, the first is taken.
 */
export function lowerHull(choices: readonly Choice[]): number[] {
  const order = choices
    .map((_, index) => index)
    .sort((a, b) => choice(a).bytes - choice(b).bytes || choice(a).noise - choice(b).noise);
  const hull: number[] = [];
  for (const index of order) {
    const last = hull.at(-1);
    if (last !== undefined && choice(index).noise >= choice(last).noise) continue;
    while (hull.length >= 2 && !isConvex(hull.at(-2) as number, hull.at(-1) as number, index)) hull.pop();
    hull.push(index);
  }
  return hull;

  function choice(index: number): Choice {
    return choices[index] as Choice;
  }

  /** Whether the middle one lies below the line between the two others. */
  function isConvex(a: number, b: number, c: number): boolean {
    const [first, middle, end] = [choice(a), choice(b), choice(c)];
    const before = (first.noise - middle.noise) * (end.bytes - middle.bytes);
    return before > (middle.noise - end.noise) * (middle.bytes - first.bytes);
  }
}

const choiceOf = (layers: readonly (readonly Choice[])[], layer: number, index: number | undefined): Choice =>
  layers[layer]?.[index ?? 0] as Choice;
