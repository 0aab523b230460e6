import type { AffineQuantizer } from '../../numerics/affine.js';
import { type NdArray, numbersOf } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { SimulatedActivation, SimulatedWeight, WeightSite } from './simulated.js';

/** The values that say what is stored, to be computed once more with what was learned. */
export function storedValues(simulated: SimulatedWeight | SimulatedActivation): string[] {
  if ('stored' in simulated) {
    const { stored } = simulated;
    return stored.kind === 'affine' ? [stored.codes, stored.scale] : [stored.indices, stored.levels];
  }
  return [simulated.scale, simulated.zeroPoint];
}

/** The weight as it is stored, from those values. */
export function readTensor(
  { stored }: SimulatedWeight,
  { tensor }: Pick<WeightSite, 'tensor'>,
  values: ReadonlyMap<string, NdArray>,
): QuantizedTensor {
  const numbers = (name: string) => {
    const array = values.get(name);
    if (!array) throw new Error(`${name} was not computed`);
    return numbersOf(array);
  };
  const { dims, bits, axis } = tensor;
  if (stored.kind === 'codebook') {
    return {
      ...stored.tensor,
      indices: Uint8Array.from(numbers(stored.indices)),
      levels: Int8Array.from(numbers(stored.levels)),
    };
  }
  const codes = Int8Array.from(numbers(stored.codes));
  return { kind: 'affine', dims, bits, axis, codes, scales: Float32Array.from(numbers(stored.scale)) };
}

/** The quantizer as it runs, from those values. */
export function readQuantizer(
  { scale, zeroPoint }: SimulatedActivation,
  bits: number,
  values: ReadonlyMap<string, NdArray>,
): AffineQuantizer {
  const [step, zero] = [values.get(scale)?.data[0], values.get(zeroPoint)?.data[0]];
  if (step === undefined || zero === undefined) throw new Error(`${scale} was not computed`);
  return { scale: Number(step), zeroPoint: Number(zero), low: 0, high: 2 ** bits - 1 };
}
