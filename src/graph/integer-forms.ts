/** The domain of onnxruntime's own operators. */
export const RUNTIME_DOMAIN = 'com.microsoft';

/**
 * An operator of onnxruntime in integers, and the float operator of the same arithmetic: its inputs are codes, scale and zero point
 * of each operand, scale and zero point of the result, and for layers a bias in int32.
 */
export interface IntegerForm {
  readonly name: string;
  readonly float: string;
  readonly domain: '' | typeof RUNTIME_DOMAIN;
  /** What stands behind the operands, or in front of them. */
  readonly order: readonly ('operands' | 'result' | 'bias')[];
  /** How many operands it has; undefined where that is any number. */
  readonly operands: number | undefined;
  /**
   * Of layers, which x86 kernels sum up: the axis that the scales of its second operand run along, a weight; undefined where an
   * attribute says it.
   */
  readonly weight?: { readonly axis: number | undefined };
}

const own = (name: string, float: string, operands: number): IntegerForm => ({
  ...{ name, float, operands, domain: RUNTIME_DOMAIN, order: ['operands', 'result'] },
});

export const integerForms: readonly IntegerForm[] = [
  {
    ...{ name: 'QLinearConv', float: 'Conv', domain: '', operands: 2, weight: { axis: 0 } },
    order: ['operands', 'result', 'bias'],
  },
  {
    ...{ name: 'QGemm', float: 'Gemm', domain: RUNTIME_DOMAIN, operands: 2, weight: { axis: undefined } },
    order: ['operands', 'bias', 'result'],
  },
  {
    ...{ name: 'QLinearMatMul', float: 'MatMul', domain: '', operands: 2, weight: { axis: 1 } },
    order: ['operands', 'result'],
  },
  own('QLinearAdd', 'Add', 2),
  own('QLinearMul', 'Mul', 2),
  own('QLinearAveragePool', 'AveragePool', 1),
  own('QLinearGlobalAveragePool', 'GlobalAveragePool', 1),
  own('QLinearLeakyRelu', 'LeakyRelu', 1),
  own('QLinearSigmoid', 'Sigmoid', 1),
  own('QLinearSoftmax', 'Softmax', 1),
  {
    ...{ name: 'QLinearConcat', float: 'Concat', domain: RUNTIME_DOMAIN, operands: undefined },
    order: ['result', 'operands'],
  },
];

/** Codes, their scale and their zero point, by their names. */
export type Operand = readonly [codes: string, scale: string, zeroPoint: string];

/** What an integer operator reads. */
export interface IntegerInputs {
  readonly operands: readonly Operand[];
  /** Scale and zero point; none where the result stays float. */
  readonly result: readonly string[];
  /** Empty where it has none. */
  readonly bias: string;
}

/** The inputs of an operator in their order. */
export function inputsOf({ order }: IntegerForm, { operands, result, bias }: IntegerInputs): string[] {
  const parts = { operands: operands.flat(), result, bias: [bias] };
  const inputs = order.flatMap((part) => parts[part]);
  while (inputs.at(-1) === '') inputs.pop();
  return inputs;
}

/** What stands where among the inputs of an operator. */
export function readInputs(
  { order, operands: count }: IntegerForm,
  inputs: readonly string[],
): IntegerInputs {
  const sizes = { operands: 3 * (count ?? Math.floor((inputs.length - 2) / 3)), result: 2, bias: 1 };
  const parts: Record<keyof typeof sizes, string[]> = { operands: [], result: [], bias: [] };
  let from = 0;
  for (const part of order) {
    parts[part] = Array.from({ length: sizes[part] }, (_, i) => inputs[from + i] ?? '');
    from += sizes[part];
  }
  const { operands, result, bias } = parts;
  return {
    operands: Array.from({ length: operands.length / 3 }, (_, i) => {
      const [codes = '', scale = '', zeroPoint = ''] = operands.slice(3 * i, 3 * i + 3);
      return [codes, scale, zeroPoint];
    }),
    result: result.filter(Boolean),
    bias: bias[0] ?? '',
  };
}
