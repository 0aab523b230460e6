import { Constants } from '../../src/emit/constants.js';
import { EmittedNames } from '../../src/emit/emitted-names.js';
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
  const constants = new Constants(g.graph, new EmittedNames(g.graph));
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

/** Indices into several codebooks along an axis. */
export function codebooks(
  indices: readonly number[],
  levels: readonly number[],
  bits: number,
  dims: readonly number[],
  axis: number,
  channelsPerCodebook: number | undefined,
): CodebookTensor {
  const scales = new Float32Array(dims[axis] ?? 1).fill(0.5);
  return { ...codebook(indices, levels, bits), dims, axis, channelsPerCodebook, scales };
}

/** What each element's index means, by coordinates: the channel is the coordinate of its axis. */
export function levelsOf({
  dims,
  axis,
  channelsPerCodebook,
  indices,
  levels,
  bits,
}: CodebookTensor): number[] {
  const found: number[] = [];
  const visit = (coordinates: readonly number[]): void => {
    if (coordinates.length < dims.length) {
      for (let i = 0; i < (dims[coordinates.length] as number); i++) visit([...coordinates, i]);
      return;
    }
    const channel = coordinates[axis ?? 0] as number;
    const book = channelsPerCodebook === undefined ? 0 : Math.floor(channel / channelsPerCodebook);
    found.push(levels[book * 2 ** bits + (indices[found.length] as number)] as number);
  };
  visit([]);
  return found;
}

/** Codebooks of these widths for shapes, axes and blocks of channels of every kind: even, uneven, one, all. */
export function manyCodebooks(widths: readonly number[]) {
  const shapes: readonly (readonly [dims: readonly number[], axis: number])[] = [
    [[5, 3, 3], 0],
    [[7, 6], 1],
    [[2, 5, 3], 1],
    [[2, 3, 4], 2],
    [[9], 0],
  ];
  return widths.flatMap((bits) =>
    shapes.flatMap(([dims, axis]) =>
      [undefined, 1, 2, 3].map((block) => {
        const count = dims.reduce((a, b) => a * b, 1);
        const books = block === undefined ? 1 : Math.ceil((dims[axis] as number) / block);
        const indices = Array.from({ length: count }, (_, i) => (i * 7 + 3) % 2 ** bits);
        const levels = Array.from({ length: books * 2 ** bits }, (_, i) => ((i * 37) % 255) - 127);
        return { bits, dims, axis, block, tensor: codebooks(indices, levels, bits, dims, axis, block) };
      }),
    ),
  );
}

/** The integers that a session makes of the form, through bytes: the runtime's own decoder reads the packing. */
export async function integersIn({ model }: EmittedForm): Promise<number[]> {
  const out = (await runIn('disabled', model, {})).get('out');
  return Array.from((out?.data ?? []) as Int8Array);
}
