import { reverse } from '../../src/derive/reverse.js';
import type { Steps } from '../../src/derive/steps.js';
import { attribute, type Model, node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import type { AffineTensor } from '../../src/quantize/quantized-tensor.js';
import { readQuantizer, readTensor, storedValues } from '../../src/refine/quantizers/read-back.js';
import type {
  ActivationLearner,
  ActivationSite,
  SimulatedActivation,
  SimulatedWeight,
  WeightQuantizer,
  WeightSite,
} from '../../src/refine/quantizers/simulated.js';
import { shapesIn } from '../../src/train/shapes.js';
import { GraphBuilder } from './graph-builder.js';
import { stepsIn } from './graph-steps.js';
import { runIn } from './sessions.js';

const floats = (dims: readonly number[], values: ArrayLike<number>): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

/** What a quantizer computes, and the gradient of Σ gradient·output by the value and by each parameter, in order. */
interface Computed {
  readonly output: number[];
  readonly byValue: number[];
  readonly byParameter: number[][];
}

async function compute(
  simulate: (maker: { steps: Steps; fresh(wanted: string): string }) => SimulatedWeight | SimulatedActivation,
  value: NdArray,
  gradient: readonly number[],
  scheduled: number,
): Promise<Computed & { simulated: SimulatedWeight | SimulatedActivation; values: Map<string, NdArray> }> {
  const g = new GraphBuilder();
  g.graph.initializers.set('value', tensorOf(value));
  g.graph.initializers.set('gradient', tensorOf(floats(value.dims, gradient)));
  const { steps, fresh } = stepsIn(g, 'quantizer');
  const simulated = simulate({ steps, fresh });
  for (const { name, start } of simulated.parameters) g.graph.initializers.set(name, tensorOf(start));
  for (const { input } of simulated.schedules ?? [])
    g.graph.initializers.set(input, tensorOf(floats([], [scheduled])));
  g.graph.nodes.push(
    ...steps.nodes,
    node('Mul', [simulated.output, 'gradient'], ['product']),
    node('ReduceSum', ['product'], ['sum'], { keepdims: attribute.int(0) }),
  );
  let loss = 'sum';
  if (simulated.penalty) {
    g.graph.nodes.push(node('Add', ['sum', simulated.penalty], ['penalized']));
    loss = 'penalized';
  }
  const model = g.build();
  const parameters = ['value', ...simulated.parameters.map(({ name }) => name)];
  const shapes = await shapesIn(model, {});
  const reversed = reverse(g.graph, loss, parameters, { shapes, own: simulated.own });
  if (reversed.kind === 'refused') throw new Error(JSON.stringify(reversed.refusals));
  const wanted = new Set([simulated.output, ...reversed.gradients.values(), ...storedValues(simulated)]);
  const outputs = [...wanted].map((name) => ({ name, dataType: undefined, shape: undefined }));
  const run: Model = { ...model, graph: { ...reversed.graph, outputs } };
  const values = await runIn('disabled', run, {});
  const numbers = (name: string) => Array.from(values.get(name)?.data as Float32Array);
  const [byValue = [], ...byParameter] = parameters.map((name) =>
    numbers(reversed.gradients.get(name) ?? ''),
  );
  return { output: numbers(simulated.output), byValue, byParameter, simulated, values };
}

/** A weight of the dims and the scales given, its width and its starting codes. */
export function affineStart(dims: readonly number[], bits: number, scales: readonly number[]): AffineTensor {
  const codes = new Int8Array(dims.reduce((product, dim) => product * dim, 1));
  const axis = scales.length > 1 ? 0 : undefined;
  return { kind: 'affine', dims, codes, bits, axis, scales: Float32Array.from(scales) };
}

export async function computeWeight(
  quantizer: WeightQuantizer,
  tensor: WeightSite['tensor'],
  weight: readonly number[],
  gradient: readonly number[],
  { latent = true, scheduled = 2 } = {},
) {
  const value = floats(tensor.dims, weight);
  const site = { value: 'value', weight: value.data as Float32Array, tensor, latent, rate: 0.01 };
  const { simulated, values, ...computed } = await compute(
    (maker) => quantizer.simulate(maker, site),
    value,
    gradient,
    scheduled,
  );
  return { ...computed, stored: readTensor(simulated as SimulatedWeight, site, values) };
}

export async function computeActivation(
  learner: ActivationLearner,
  site: Omit<ActivationSite, 'value' | 'rate' | 'elements'>,
  activation: readonly number[],
  gradient: readonly number[],
) {
  const value = floats([activation.length], activation);
  const whole = { ...site, value: 'value', rate: 0.01, elements: activation.length };
  const { simulated, values, ...computed } = await compute(
    (maker) => learner.simulate(maker, whole),
    value,
    gradient,
    0,
  );
  return { ...computed, quantizer: readQuantizer(simulated as SimulatedActivation, site.bits, values) };
}
