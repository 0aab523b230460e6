import type { Node } from '../graph/model.js';
import { quantizerOfRange } from '../numerics/affine.js';
import { hardSigmoidOf } from '../place/operators.js';
import { MAX_BITS } from '../recipe.js';
import type { ValueWriter } from './value-writer.js';
import type { WeightWriter } from './weight-writer.js';

/**
 * max(0, min(1, αx + β)) = α·max(0, min(1/α, x + β/α)): an Add, whose Q clamps and whose DQ brings the factor α.
 * Between the two the value is HardSigmoid(x)/α.
 */
export class HardSigmoidWriter {
  readonly #values: ValueWriter;
  readonly #weights: WeightWriter;

  constructor(values: ValueWriter, weights: WeightWriter) {
    this.#values = values;
    this.#weights = weights;
  }

  /** @returns the operands of the Add */
  write(source: Node): [string, string] {
    const { alpha, beta } = hardSigmoidOf(source);
    const quantizer = quantizerOfRange(0, beta / alpha, MAX_BITS);
    const offset = { codes: Uint8Array.of(quantizer.high), dims: [], quantizer };
    const [input = '', output = ''] = [source.inputs[0], source.outputs[0]];
    return [this.#values.dequantized(input), this.#weights.operand(offset, `${output}_offset`)];
  }
}
