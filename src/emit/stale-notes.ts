import { bodiesOf } from '../graph/bodies.js';
import { valueNames } from '../graph/edit.js';
import type { Graph, Model } from '../graph/model.js';

/** A TensorAnnotation: a value, and those that hold its scale and zero point. */
interface Annotation {
  readonly tensor_name?: string;
  readonly quant_parameter_tensor_names?: readonly Binding[];
}

interface Binding {
  readonly key?: string;
  readonly value?: string;
}

/** The parts of a GraphProto that name values. */
interface Steps {
  readonly node?: readonly { readonly input?: readonly string[]; readonly output?: readonly string[] }[];
  readonly initializer?: readonly { readonly name?: string }[];
  readonly input?: readonly { readonly name?: string }[];
}

/** A TrainingInfoProto: how the initializers that its bindings name start, and how a step changes them. */
interface Training {
  readonly initialization?: Steps;
  readonly algorithm?: Steps;
  readonly initialization_binding?: readonly Binding[];
  readonly update_binding?: readonly Binding[];
}

/**
 * Take out of a written model, in place, what its notes say of values that it has no more: annotations of them, or by them, and
 * trainings that start, change or read them.
 */
export function dropStaleNotes(model: Model): void {
  const names = valueNames(model.graph);
  for (const graph of [model.graph, ...bodiesOf(model.graph).map((body) => body.graph)])
    keepOf(graph, 'quantization_annotation', (found: Annotation) => isAnnotated(found, names));
  keepOf(model, 'training_info', (found: Training) => isTrainable(found, model.graph.initializers, names));
}

function isAnnotated(
  { tensor_name = '', quant_parameter_tensor_names = [] }: Annotation,
  names: ReadonlySet<string>,
): boolean {
  return [tensor_name, ...quant_parameter_tensor_names.map(({ value = '' }) => value)].every((name) =>
    names.has(name),
  );
}

function isTrainable(
  training: Training,
  initializers: Graph['initializers'],
  names: ReadonlySet<string>,
): boolean {
  const { initialization, algorithm, initialization_binding = [], update_binding = [] } = training;
  const bound = [...initialization_binding, ...update_binding].map(({ key = '' }) => key);
  return (
    bound.every((name) => initializers.has(name)) &&
    [initialization, algorithm].every((steps) => outerReads(steps ?? {}).every((name) => names.has(name)))
  );
}

/** What the nodes of a graph read that it does not make. */
function outerReads({ node = [], initializer = [], input = [] }: Steps): string[] {
  const own = new Set([
    ...[...initializer, ...input].map(({ name = '' }) => name),
    ...node.flatMap(({ output = [] }) => output),
  ]);
  return node.flatMap(({ input: read = [] }) => read.filter((name) => name !== '' && !own.has(name)));
}

/** Keep of a repeated field that is carried through those that pass; a new object, since the float model shares the old one. */
function keepOf<T>(holder: Pick<Model, 'carried'>, field: string, passes: (each: T) => boolean): void {
  const found = holder.carried?.[field] as readonly T[] | undefined;
  if (!found || found.every(passes)) return;
  const { [field]: _, ...others } = holder.carried as Record<string, unknown>;
  const kept = found.filter(passes);
  Object.assign(holder, { carried: kept.length > 0 ? { ...others, [field]: kept } : others });
}
