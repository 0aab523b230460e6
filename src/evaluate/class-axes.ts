import { type Graph, inputAt, intAttribute, isOp, type Node } from '../graph/model.js';
import { indexUses } from '../graph/uses.js';

/**
 * Where an output has scores of classes: along an axis, negative ones from the end; `rows` where it is one row of them a
 * sample, [N, classes], and none otherwise.
 */
export type ClassAxis = number | 'rows';

/** What a user says of classes: the axis of one output by its name, or of all under the empty name. */
export type GivenClassAxes = Readonly<Record<string, number>>;

/** Operators that make scores of classes, or choose one by them, along their axis. */
const CLASSIFIERS = ['Softmax', 'LogSoftmax', 'Hardmax', 'ArgMax'];
const LAST_AXIS = -1;
/** The rank of [N, classes]. */
const ROWS = 2;

/** What is known of classes beside the graph. */
export interface ClassHints {
  readonly given?: GivenClassAxes | undefined;
  /** Whether a limit on them was asked for: then each output of rows has classes. */
  readonly mayRank?: boolean | undefined;
  /** Whether samples have labels: then the first output of rows is what they grade. */
  readonly hasLabels?: boolean | undefined;
}

/**
 * The axis that classes run along, by the name of the output that has their scores: where the graph says so, that is
 * behind a Softmax or in front of one, or of an ArgMax; or where the user does. Negative ones count from the end.
 *
 * An output of any other kind has no classes: a regression, an embedding, boxes.
 */
export function classAxes(
  graph: Graph,
  { given = {}, mayRank = false, hasLabels = false }: ClassHints = {},
): Map<string, ClassAxis> {
  const uses = indexUses(graph);
  const axes = new Map<string, ClassAxis>();
  for (const { name } of graph.outputs) {
    const own = given[name] ?? given[''];
    if (own !== undefined) {
      axes.set(name, own);
      continue;
    }
    const maker = makerOf(name, (value) => uses.producer(value));
    const readers = uses.readers(name).map(({ node }) => node);
    const found = [maker, ...readers].find(
      (node) => node && isOp(node, ...CLASSIFIERS) && node.outputs.length === 1,
    );
    // An ArgMax's own output holds numbers of classes.
    if (found && !(found === maker && isOp(found, 'ArgMax'))) axes.set(name, axisOf(found));
    else if (mayRank) axes.set(name, 'rows');
  }
  // The shape of an output may be unknown until it is run.
  const graded = graph.outputs.findIndex(({ shape }) => shape?.length === ROWS);
  const rows = hasLabels ? graph.outputs.slice(0, graded < 0 ? undefined : graded + 1) : [];
  for (const { name } of rows) if (!axes.has(name)) axes.set(name, 'rows');
  return axes;
}

const axisOf = (node: Node): number => intAttribute(node, 'axis', isOp(node, 'ArgMax') ? 0 : LAST_AXIS);

/** The node that makes a value, seen through those that only name it anew. */
function makerOf(value: string, producer: (value: string) => Node | undefined): Node | undefined {
  const maker = producer(value);
  return maker && isOp(maker, 'Identity', 'Cast', 'Dropout')
    ? makerOf(inputAt(maker, 0) ?? '', producer)
    : maker;
}
