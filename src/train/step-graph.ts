import { type Refusal, reverse } from '../derive/reverse.js';
import { Steps } from '../derive/steps.js';
import { NameScope } from '../graph/edit.js';
import { type Graph, type Model, node } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import { elementCount, type Feed, type NdArray } from '../numerics/nd-array.js';
import type { Bank, Objective, Parameter } from './objective.js';
import { shapesIn } from './shapes.js';

/** Adam's decay rates and ε (Kingma and Ba 2015, algorithm 1). */
const DECAY = { first: 0.9, second: 0.999, epsilon: 1e-8 } as const;

/** One value of the state that goes round: what the step reads, and what it makes of it. */
export interface StateValue {
  readonly input: string;
  readonly output: string;
  readonly start: NdArray;
}

/** One step of training as one model: batch → block → loss → gradients → Adam. */
export interface StepGraph {
  readonly model: Model;
  readonly loss: string;
  /** Parameters, and the moments of their gradients. */
  readonly state: readonly StateValue[];
  /** For each bank, the input that says which rows to take, and that of the rows. */
  readonly banks: readonly { readonly bank: Bank; readonly rows: string; readonly samples: string }[];
  /** Scalar inputs: the learning rate's factor with Adam's correction of the first moment, and that of the second. */
  readonly rate: string;
  readonly correction: string;
}

export type MadeStep = { readonly kind: 'step'; readonly step: StepGraph } | RefusedStep;
export interface RefusedStep {
  readonly kind: 'refused';
  readonly refusals: readonly Refusal[];
}

/**
 * The graph of one step.
 *
 * @param batch - samples a step; shapes are those of a batch of this size
 */
export async function makeStep(objective: Objective, batch: number): Promise<MadeStep> {
  const { graph, loss, parameters, banks } = objective;
  const shapes = await shapesIn(modelOf(objective, graph), firstFeed(objective, batch));
  const names = parameters.map(({ name }) => name);
  const reversed = reverse(graph, loss, names, { shapes, own: objective.own ?? [] });
  if (reversed.kind === 'refused') return reversed;
  const made = reversed.graph;
  const scope = new NameScope(made);
  const rate = scope.fresh('adam/rate');
  const correction = scope.fresh('adam/correction');
  const steps = new Steps(
    {
      floatType: 'float32',
      fresh: (wanted) => scope.fresh(wanted),
      constantOf: (array) => {
        const name = scope.fresh('adam/constant');
        made.initializers.set(name, tensorOf(array));
        return name;
      },
    },
    'adam',
  );
  const scalars: Scalars = adamScalars(steps, rate, correction);
  const state = parameters.flatMap((parameter) =>
    adam(steps, scope, parameter, reversed.gradients.get(parameter.name) ?? '', scalars),
  );
  const gathered = banks.map((bank) => ({
    bank,
    rows: scope.fresh(`${bank.input}/rows`),
    samples: scope.fresh(`${bank.input}/samples`),
  }));
  const gathers = gathered.map(({ bank, rows, samples }) => node('Gather', [samples, rows], [bank.input]));
  const scheduled = (objective.schedules ?? []).map(({ input }) => input);
  const float = (name: string, dims: readonly number[]) => ({
    name,
    dataType: 'float32' as const,
    shape: dims,
  });
  const step: Graph = {
    ...made,
    nodes: [...gathers, ...made.nodes, ...steps.nodes],
    inputs: [
      ...gathered.flatMap(({ bank, rows, samples }) => [
        { name: rows, dataType: 'int64' as const, shape: [batch] },
        { name: samples, dataType: bank.samples.type, shape: [...bank.samples.dims] },
      ]),
      ...[...scheduled, rate, correction].map((name) => float(name, [])),
      ...state.map(({ input, start }) => float(input, start.dims)),
    ],
    outputs: [float(loss, []), ...state.map(({ output, start }) => float(output, start.dims))],
    valueInfo: new Map(),
  };
  return {
    kind: 'step',
    step: { model: modelOf(objective, step), loss, state, banks: gathered, rate, correction },
  };
}

interface Scalars {
  readonly rate: string;
  readonly correction: string;
  readonly first: readonly [string, string];
  readonly second: readonly [string, string];
  readonly epsilon: string;
}

const adamScalars = (steps: Steps, rate: string, correction: string): Scalars => ({
  rate,
  correction,
  first: [steps.scalar(DECAY.first), steps.scalar(1 - DECAY.first)],
  second: [steps.scalar(DECAY.second), steps.scalar(1 - DECAY.second)],
  epsilon: steps.scalar(DECAY.epsilon),
});

/**
 * Adam (Kingma and Ba 2015): m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − rate·m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε).
 * What depends on t comes in as two scalars.
 */
function adam(
  steps: Steps,
  scope: NameScope,
  parameter: Parameter,
  gradient: string,
  scalars: Scalars,
): StateValue[] {
  const { name, start } = parameter;
  const [first, second] = [scope.fresh(`${name}/first`), scope.fresh(`${name}/second`)];
  const decayed = (before: string, [kept, taken]: readonly [string, string], now: string) =>
    steps.add(steps.mul(before, kept), steps.mul(now, taken));
  const nextFirst = decayed(first, scalars.first, gradient);
  const nextSecond = decayed(second, scalars.second, steps.mul(gradient, gradient));
  const deviation = steps.mul(steps.op('Sqrt', [nextSecond]), scalars.correction);
  const direction = steps.div(nextFirst, steps.add(deviation, scalars.epsilon));
  const own = typeof parameter.rate === 'number' ? steps.scalar(parameter.rate) : steps.array(parameter.rate);
  const moved = steps.sub(name, steps.mul(direction, steps.mul(scalars.rate, own)));
  const next =
    parameter.minimum === undefined ? moved : steps.op('Max', [moved, steps.scalar(parameter.minimum)]);
  const zeros = (): NdArray => ({
    type: 'float32',
    dims: start.dims,
    data: new Float32Array(elementCount(start.dims)),
  });
  return [
    { input: name, output: next, start },
    { input: first, output: nextFirst, start: zeros() },
    { input: second, output: nextSecond, start: zeros() },
  ];
}

/** Adam's two scalars at step t, counted from 1. */
export function adamAt(step: number, factor: number): { rate: number; correction: number } {
  return {
    rate: factor / (1 - DECAY.first ** step),
    correction: 1 / Math.sqrt(1 - DECAY.second ** step),
  };
}

/** A feed of the objective's own graph: the first rows of every bank. */
function firstFeed({ banks, schedules = [], parameters }: Objective, batch: number): Feed {
  return Object.fromEntries([
    ...banks.map(({ input, samples }) => [input, firstRows(samples, batch)] as const),
    ...schedules.map(({ input, at }) => [input, scalarOf(at(0))] as const),
    ...parameters.map(({ name, start }) => [name, start] as const),
  ]);
}

/** As many rows as asked for, from the first again where there are fewer. */
function firstRows({ type, dims, data }: NdArray, count: number): NdArray {
  const [rows = 1, ...rest] = dims;
  const size = elementCount(rest);
  const taken = data.slice(0, count * size);
  const whole = new (data.constructor as new (length: number) => typeof taken)(count * size);
  for (let row = 0; row < count; row++) {
    whole.set(data.subarray((row % rows) * size, ((row % rows) + 1) * size) as never, row * size);
  }
  return { type, dims: [count, ...rest], data: whole };
}

export const scalarOf = (value: number): NdArray => ({
  type: 'float32',
  dims: [],
  data: Float32Array.of(value),
});

/** The lowest operator set that gradients are written in. */
const GRADIENT_OPSET = 17;

/** IR version of operator set 17. */
const GRADIENT_IR = 8;

/** A model of a graph: the operator set raised where it is older; nothing of 13 to 17 changes what a float node does. */
export function modelOf({ opsets }: Pick<Objective, 'opsets'>, graph: Graph): Model {
  const raised = new Map(opsets);
  raised.set('', Math.max(raised.get('') ?? 0, GRADIENT_OPSET));
  return {
    irVersion: Math.max(GRADIENT_IR, (raised.get('') ?? 0) >= 21 ? 10 : GRADIENT_IR),
    opsets: raised,
    graph,
    metadata: new Map(),
    batchNorms: new Map(),
  };
}
