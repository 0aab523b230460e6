import { Constants } from '../../src/emit/constants.js';
import type { WeightForm } from '../../src/emit/weights/form.js';
import { type Model, node } from '../../src/graph/model.js';
import { arrayOf, type Tensor, tensorBytes } from '../../src/graph/tensor.js';
import type { AffineTensor, CodebookTensor, QuantizedTensor } from '../../src/quantize/quantized-tensor.js';
import { GraphBuilder } from './graph-builder.js';
import { runIn } from './sessions.js';

/** A model whose output "out" is what a form makes of a tensor, and the constants that it stored. */
export interface EmittedForm {
  readonly model: Model;
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly ops: readonly string[];
}

/** Emit a tensor named w alone, as int8 integers. */
export function emitForm(form: WeightForm, tensor: QuantizedTensor, opset: number): EmittedForm {
  const g = new GraphBuilder();
  g.output('out', undefined, 'int8');
  const constants = new Constants(g.graph, g.graph);
  g.graph.nodes.push(...form.emit(tensor, 'w', 'integers', constants));
  // A form without nodes gives a constant, which cannot be an output by itself.
  g.graph.nodes.push(node('Identity', ['integers'], ['out']));
  const ops = g.graph.nodes.slice(0, -1).map(({ opType }) => opType);
  return {
    model: g.build({ opset, irVersion: opset >= 21 ? 10 : 7 }),
    constants: new Map(g.graph.initializers),
    ops,
  };
}

/** Bytes of one stored constant. */
export function storedBytes({ constants }: EmittedForm, name: string): number[] {
  const tensor = constants.get(name);
  if (!tensor) throw new Error(`no constant ${name} among ${[...constants.keys()]}`);
  if (tensor.dataType === 'int4' && tensor.storage.kind === 'raw') return [...tensor.storage.bytes];
  return [...(arrayOf(tensor).data as Uint8Array)];
}

/** Size of a stored constant as raw data. */
export function storedSize({ constants }: EmittedForm, name: string): number {
  const tensor = constants.get(name);
  if (!tensor) throw new Error(`no constant ${name}`);
  return tensorBytes(tensor);
}

/** Uniform codes with one scale. */
export function affine(codes: readonly number[], bits: number, dims = [codes.length]): AffineTensor {
  return {
    kind: 'affine',
    dims,
    codes: Int8Array.from(codes),
    bits,
    axis: undefined,
    scales: Float32Array.of(0.5),
  };
}

/** Indices into levels, with one scale. */
export function codebook(
  indices: readonly number[],
  levels: readonly number[],
  bits: number,
): CodebookTensor {
  return {
    kind: 'codebook',
    dims: [indices.length],
    indices: Uint8Array.from(indices),
    levels: Int8Array.from(levels),
    channelsPerCodebook: undefined,
    bits,
    axis: undefined,
    scales: Float32Array.of(0.5),
  };
}

/** The integers that a session makes of the form, through bytes: the runtime's own decoder reads the packing. */
export async function integersIn({ model }: EmittedForm): Promise<number[]> {
  const out = (await runIn('disabled', model, {})).get('out');
  return Array.from((out?.data ?? []) as Int8Array);
}
