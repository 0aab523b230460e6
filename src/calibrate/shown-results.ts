import { bodiesOf, ownNames } from '../graph/bodies.js';
import { flatOf } from '../graph/flat.js';
import { behindAll, type Influences, influencesOf } from '../graph/influences.js';
import { isOp, type Model, type Node, opsetOf, type ValueInfo } from '../graph/model.js';
import { valueTypes } from '../graph/value-types.js';
import { whyHidden } from '../place/hidden.js';

/** Types whose values are observed, as float32. */
const NUMBERS: ReadonlySet<string> = new Set(
  'float16 float32 float64 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64'.split(' '),
);

/** A result of a body, and the node whose body it is. */
export interface BodyResult {
  readonly name: string;
  readonly holder: Node;
}

/**
 * The results of bodies of If, Loop and Scan that decide how large some values are, as far as they can be observed: where no sample
 * shows one, as of a branch that none takes, what is observed behind the node is not all that can come.
 *
 * @param values - names of values
 */
export function resultsBefore(
  { graph, opsets }: Pick<Model, 'graph' | 'opsets'>,
  values: readonly string[],
  influences: Influences = influencesOf(flatOf(graph).graph),
): BodyResult[] {
  const bodies = bodiesOf(graph);
  if (bodies.length === 0) return [];
  const types = valueTypes(flatOf(graph).graph);
  const wanted = behindAll(influences, values);
  const opset = opsetOf({ opsets });
  return bodies.flatMap(({ graph: body, holders }) => {
    if (whyHidden(holders, opset) !== undefined) return [];
    const holder = holders.at(-1) as Node;
    const own = ownNames(body);
    const isOne = ({ name, shape }: ValueInfo) =>
      wanted.has(name) && own.has(name) && NUMBERS.has(types.get(name) ?? '') && !shape?.includes(0);
    // Of what is empty by itself no sample shows anything.
    const isEmpty = ({ name }: ValueInfo) => body.initializers.get(name)?.dims.includes(0) === true;
    // The condition of a Loop is there where its states are.
    const results = isOp(holder, 'Loop') ? body.outputs.slice(1) : body.outputs;
    return results.filter((each) => isOne(each) && !isEmpty(each)).map(({ name }) => ({ name, holder }));
  });
}

/** Some values, and what tells whether samples show how large they are: what is to be observed of a model. */
export const withResultsBefore = (model: Model, values: readonly string[]): string[] => [
  ...new Set([...values, ...resultsBefore(model, values).map(({ name }) => name)]),
];
