import type { DataType } from './data-type.js';
import type { Carried, Tensor } from './tensor.js';
import { toSafeInteger } from './tensor.js';

/** A dimension: a number, the name of a dynamic one, or unknown. */
export type Dim = number | string | undefined;

/** Name and type of an input, an output or an intermediate value. */
export interface ValueInfo {
  readonly name: string;
  /** Undefined where the value is no dense tensor (a sequence, a map) or its type is not stated. */
  readonly dataType: DataType | undefined;
  /** Undefined where the rank is not stated. */
  readonly shape: readonly Dim[] | undefined;
  readonly carried?: Carried;
}

/** An attribute of a node. What this model does not look into (sparse tensors, types) is opaque. */
export type Attribute =
  | { readonly kind: 'float'; readonly value: number; readonly carried?: Carried }
  | { readonly kind: 'int'; readonly value: bigint; readonly carried?: Carried }
  | { readonly kind: 'string'; readonly value: Uint8Array; readonly carried?: Carried }
  | { readonly kind: 'tensor'; readonly value: Tensor; readonly carried?: Carried }
  | { readonly kind: 'graph'; readonly value: Graph; readonly carried?: Carried }
  | { readonly kind: 'floats'; readonly value: readonly number[]; readonly carried?: Carried }
  | { readonly kind: 'ints'; readonly value: readonly bigint[]; readonly carried?: Carried }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[]; readonly carried?: Carried }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[]; readonly carried?: Carried }
  | { readonly kind: 'opaque'; readonly carried: Carried };

/** One operator call. In `inputs` and `outputs` an empty string is ONNX's own mark of one that is left out. */
export interface Node {
  /**
   * The name of the first output in the original file, which never changes: node names are often empty.
   * Rules, statistics, reports and baselines are keyed by it.
   */
  readonly id: string;
  readonly name: string | undefined;
  readonly opType: string;
  /** The default domain is '', however the file writes it. */
  readonly domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  readonly carried?: Carried;
}

/** A graph: nodes in topological order, constants by name. Passes change it in place. */
export interface Graph {
  nodes: Node[];
  initializers: Map<string, Tensor>;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  valueInfo: Map<string, ValueInfo>;
  readonly carried?: Carried;
}

/** The affine output of a folded BatchNormalization, per channel: mean β and standard deviation |γ|. */
export interface BatchNormMoments {
  readonly beta: Float32Array;
  readonly gamma: Float32Array;
}

/** A model, free of the file format. */
export interface Model {
  irVersion: number;
  /** Operator set version by domain; the default domain is ''. */
  opsets: Map<string, number>;
  graph: Graph;
  metadata: Map<string, string>;
  /** What folding knows and data-free ranges need: by the name of the tensor that the BatchNormalization produced. */
  readonly batchNorms: Map<string, BatchNormMoments>;
  readonly carried?: Carried;
  /** Whether its float32 constants were 16-bit floats in the file. */
  wasNarrow?: boolean;
  /** Values that samples took beyond what float16 holds to a thousandth; where nobody looked, none. */
  beyondHalf?: ReadonlySet<string>;
}

/** The version of the default operator set. */
export function opsetOf(model: Pick<Model, 'opsets'>): number {
  return model.opsets.get('') ?? 1;
}

/** The inputs that are fed: old models list their initializers, too, which nobody feeds. */
export function fedInputs({ inputs, initializers }: Pick<Graph, 'inputs' | 'initializers'>): ValueInfo[] {
  return inputs.filter(({ name }) => !initializers.has(name));
}

/** A new node; its id is the name of its first output. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Node {
  return {
    id: outputs[0] ?? '',
    name: undefined,
    opType,
    domain: '',
    inputs: [...inputs],
    outputs: [...outputs],
    attributes: new Map(Object.entries(attributes)),
  };
}

/** Attribute makers, for nodes that are new. */
export const attribute = {
  int: (value: number | bigint): Attribute => ({ kind: 'int', value: BigInt(value) }),
  ints: (values: readonly number[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) }),
  float: (value: number): Attribute => ({ kind: 'float', value }),
  string: (value: string): Attribute => ({ kind: 'string', value: new TextEncoder().encode(value) }),
};

/** The name of input `index`; undefined where it is left out. */
export function inputAt(node: Node, index: number): string | undefined {
  return node.inputs[index] || undefined;
}

/** An integer attribute, or the operator's default. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  return found?.kind === 'int' ? toSafeInteger(found.value) : fallback;
}

/** A float attribute, or the operator's default. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  return found?.kind === 'float' ? found.value : fallback;
}

/** A list of integers; undefined where the attribute is absent. */
export function intsAttribute(node: Node, name: string): number[] | undefined {
  const found = node.attributes.get(name);
  return found?.kind === 'ints' ? found.value.map(toSafeInteger) : undefined;
}

/** A string attribute, or the operator's default. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const found = node.attributes.get(name);
  return found?.kind === 'string' ? new TextDecoder().decode(found.value) : fallback;
}

/** Whether a node is the operator `opType` of the default domain. */
export function isOp(node: Node, ...opTypes: string[]): boolean {
  return node.domain === '' && opTypes.includes(node.opType);
}

/** What a table by operators of the default domain has for a node; undefined where it has nothing. */
export function ruleFor<T>(rules: Readonly<Record<string, T>>, { opType, domain }: Node): T | undefined {
  return domain === '' && Object.hasOwn(rules, opType) ? rules[opType] : undefined;
}

/** The subgraphs (If, Loop, Scan bodies) that a node carries. */
export function subgraphsOf(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const found of node.attributes.values()) {
    if (found.kind === 'graph') graphs.push(found.value);
    if (found.kind === 'graphs') graphs.push(...found.value);
  }
  return graphs;
}
