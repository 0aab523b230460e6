import type { Node } from '../../graph/model.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { Format } from '../../recipe.js';
import type { Constants } from '../constants.js';

/** What a form may depend on. */
export interface FormTarget {
  readonly opset: number;
  readonly irVersion: number;
}

/** What decides how weights are stored. */
export interface StorageTarget extends FormTarget {
  readonly format: Format;
  /** Weights that are smaller as plain int8 than packed, with what unpacks them. */
  readonly unpaid?: ReadonlySet<QuantizedTensor> | undefined;
}

/** A way to store a weight, such that onnxruntime turns it into a plain int8 constant when it loads the model. */
export interface WeightForm {
  readonly name: string;
  /** Whether the form can hold the tensor in a model of this opset and IR version. */
  holds(tensor: QuantizedTensor, target: FormTarget): boolean;
  /** Bytes of the tensor's codes and levels in the file, without tables that weights share. */
  bytes(tensor: QuantizedTensor): number;
  /**
   * Nodes and constants that make the weight's int8 integers, of its shape.
   *
   * @param name - the weight's name, which names are made from
   * @param output - the value that the nodes must make
   * @returns the nodes; with none, the output is a constant under that name
   */
  emit(tensor: QuantizedTensor, name: string, output: string, constants: Constants): readonly Node[];
}
