import type { DataType } from '../graph/data-type.js';
import { NameScope } from '../graph/edit.js';
import { type Graph, type Node, node, subgraphsOf } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import { elementCount, type NdArray } from '../numerics/nd-array.js';
import type { Derivative, Gradients, Scope } from './derivative.js';
import { derivativeOf } from './derivatives.js';
import { Steps } from './steps.js';

/** Type and shape of a value while the graph runs. */
export interface ValueShape {
  readonly dataType: DataType;
  readonly dims: readonly number[];
}

/**
 * A gradient of one's own: that of `output` goes to `inputs` as the rule says, past the nodes that compute it. A rounding
 * is passed straight through so.
 */
export interface OwnGradient {
  readonly output: string;
  readonly inputs: readonly string[];
  readonly derive: Derivative;
}

export interface ReverseSettings {
  /** Of every value of the graph, as it will run: gradients are made for these shapes alone. */
  readonly shapes: ReadonlyMap<string, ValueShape>;
  readonly own?: readonly OwnGradient[];
  readonly floatType?: Scope['floatType'];
}

/** A node that the gradient cannot get through, and why. */
export interface Refusal {
  /** The node's id. */
  readonly node: string;
  readonly opType: string;
  readonly reason: string;
}

/** The graph with its gradients: `gradients` has the value that holds the gradient of each parameter. */
export type Reversed =
  | { readonly kind: 'reversed'; readonly graph: Graph; readonly gradients: ReadonlyMap<string, string> }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] };

/**
 * Reverse-mode differentiation (vector-Jacobian products, from the last node to the first): the graph, and behind it
 * nodes that compute the gradient of the sum of `loss` by each parameter. The graph given stays as it is.
 *
 * @param parameters - names of values: initializers, inputs, or inner ones
 * @returns every node that has no rule, where there are any between a parameter and the loss
 */
export function reverse(
  graph: Graph,
  loss: string,
  parameters: readonly string[],
  settings: ReverseSettings,
): Reversed {
  return new Reverse(graph, settings).run(loss, parameters);
}

class Reverse {
  readonly #graph: Graph;
  readonly #scope: Scope;
  readonly #own: ReadonlyMap<string, OwnGradient>;
  readonly #gradients = new Map<string, string>();
  readonly #refusals: Refusal[] = [];

  constructor(graph: Graph, { shapes, own = [], floatType = 'float32' }: ReverseSettings) {
    this.#graph = {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, outputs: [...node.outputs] })),
      initializers: new Map(graph.initializers),
    };
    this.#own = new Map(own.map((gradient) => [gradient.output, gradient]));
    this.#scope = scopeOf(this.#graph, shapes, floatType);
  }

  run(loss: string, parameters: readonly string[]): Reversed {
    const forward = [...this.#graph.nodes];
    const active = this.#dependents(forward, parameters);
    if (active.has(loss)) {
      const seed = new Steps(this.#scope, 'gradient');
      this.#gradients.set(loss, seed.expand(seed.scalar(1), this.#scope.dims(loss)));
      this.#graph.nodes.push(...seed.nodes);
    }
    for (const node of forward.reverse()) this.#through(node, active);
    if (this.#refusals.length > 0) return { kind: 'refused', refusals: this.#refusals };
    const gradients = new Map(
      parameters.map((name) => [name, this.#gradients.get(name) ?? this.#zero(name)]),
    );
    return { kind: 'reversed', graph: this.#graph, gradients };
  }

  /** The values that depend on a parameter by way of floats. */
  #dependents(nodes: readonly Node[], parameters: readonly string[]): ReadonlySet<string> {
    const active = new Set(parameters);
    for (const { inputs, outputs } of nodes) {
      for (const output of outputs) {
        const own = this.#own.get(output);
        if ((own?.inputs ?? inputs).some((input) => active.has(input)) && this.#isFloat(output)) {
          active.add(output);
        }
      }
    }
    return active;
  }

  #isFloat(value: string): boolean {
    const type = this.#scope.dataType(value);
    return type === 'float32' || type === 'float64';
  }

  /** Carry the gradients of a node's outputs to its inputs. */
  #through(node: Node, active: ReadonlySet<string>): void {
    const gradients = node.outputs.map((output) => this.#gradients.get(output));
    const reached = node.outputs.some((output, at) => gradients[at] !== undefined && active.has(output));
    if (!reached) return;
    const own = this.#own.get(node.outputs[0] ?? '');
    const inputs = own?.inputs ?? node.inputs;
    const wanted = inputs.map((input) => active.has(input));
    if (!wanted.some((is) => is)) return;
    const derive = own?.derive ?? derivativeOf(node);
    const found =
      subgraphsOf(node).length > 0
        ? 'has subgraphs'
        : (derive?.(own ? { ...node, inputs: [...inputs] } : node, gradients, wanted, this.#scope) ??
          'has no derivative');
    if (typeof found === 'string') {
      this.#refusals.push({ node: node.id, opType: node.opType, reason: found });
      return;
    }
    this.#graph.nodes.push(...found.nodes);
    this.#add(inputs, wanted, found);
  }

  #add(inputs: readonly string[], wanted: readonly boolean[], { gradients }: Gradients): void {
    inputs.forEach((input, at) => {
      const gradient = gradients[at];
      if (!wanted[at] || gradient === undefined) return;
      const before = this.#gradients.get(input);
      if (before === undefined) {
        this.#gradients.set(input, gradient);
        return;
      }
      const sum = this.#scope.fresh(`${input}/gradient`);
      this.#graph.nodes.push(node('Add', [before, gradient], [sum]));
      this.#gradients.set(input, sum);
    });
  }

  #zero(name: string): string {
    const steps = new Steps(this.#scope, `${name}/gradient`);
    const zero = steps.zeros(this.#scope.dims(name));
    this.#graph.nodes.push(...steps.nodes);
    return zero;
  }
}

/** Constants up to this many elements are kept by their value, so that each stands in the graph once. */
const SHARED_ELEMENTS = 64;

function scopeOf(
  graph: Graph,
  shapes: ReadonlyMap<string, ValueShape>,
  floatType: Scope['floatType'],
): Scope {
  const names = new NameScope(graph);
  const shared = new Map<string, string>();
  const shapeOf = (value: string) => shapes.get(value) ?? graph.initializers.get(value);
  return {
    floatType,
    fresh: (wanted) => names.fresh(wanted),
    dims: (value) => {
      const dims = shapeOf(value)?.dims;
      if (!dims) throw new Error(`the shape of ${value} is not known`);
      return dims;
    },
    dataType: (value) => shapeOf(value)?.dataType,
    constant: (value) => graph.initializers.get(value),
    constantOf: (array) => shareConstant(graph, names, shared, array),
    output: (node, index) => {
      while (node.outputs.length <= index) node.outputs.push('');
      const name = node.outputs[index] || names.fresh(`${node.id}/output_${index}`);
      node.outputs[index] = name;
      return name;
    },
  };
}

function shareConstant(graph: Graph, names: NameScope, shared: Map<string, string>, array: NdArray): string {
  const key =
    elementCount(array.dims) <= SHARED_ELEMENTS ? `${array.type}[${array.dims}]${array.data}` : undefined;
  const known = key === undefined ? undefined : shared.get(key);
  if (known !== undefined) return known;
  const name = names.fresh('constant');
  graph.initializers.set(name, tensorOf(array));
  if (key !== undefined) shared.set(key, name);
  return name;
}
