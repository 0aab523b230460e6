import type { Model } from '../graph/model.js';
import { tensorBytes } from '../graph/tensor.js';

/** How a model keeps its numbers: between Q and DQ, in integer operators, or in floats of a width. */
export type ModelForm = 'qdq' | 'integer-operators' | 'float16' | 'bfloat16' | 'float32';

/** Operators that compute in integers whatever the session's options are. */
const integerOp =
  /^(QLinear.*|QGemm|QAttention|QMoE|QEmbedLayerNormalization|ConvInteger.*|MatMulInteger.*|DynamicQuantize(MatMul|LSTM)|MatMulNBits|MatMulBnb4)$/;

/** The form of a model: what its operators say, and without a quantized one the type that most of its weights have. */
export function formOf({ graph }: Model): ModelForm {
  if (graph.nodes.some(({ opType }) => integerOp.test(opType))) return 'integer-operators';
  if (graph.nodes.some(({ opType }) => /^(Deq|Q)uantizeLinear$/.test(opType))) return 'qdq';
  const bytes = { float16: 0, bfloat16: 0, float32: 0 };
  for (const tensor of graph.initializers.values()) {
    const { dataType } = tensor;
    if (dataType in bytes) bytes[dataType as keyof typeof bytes] += tensorBytes(tensor);
  }
  const { float16, bfloat16, float32 } = bytes;
  if (float16 > Math.max(float32, bfloat16)) return 'float16';
  return bfloat16 > float32 ? 'bfloat16' : 'float32';
}
