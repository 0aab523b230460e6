import {
  activationTypes,
  channelAxis,
  fixedRanges,
  productBias,
  quantizedResults,
  weightTypes,
} from './rules.js';
import { onnxruntimeForm, type Target, type TargetRule } from './target.js';

const onnx = 'https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html';
const measured = 'its WebAssembly kernels are those of onnxruntime: docs/format.md';

/** WebGPU has no integer kernels: what it is not told to leave to WebAssembly computes in float. */
const webgpu: TargetRule = {
  name: 'webgpu',
  summary: 'on WebGPU no QuantizeLinear has a kernel: such files are for WebAssembly',
  otherwise: 'slow',
  source: 'https://github.com/microsoft/onnxruntime/blob/main/js/web/docs/webgpu-operators.md',
  check: ({ activations }) => {
    const first = activations.find(({ node }) => node.opType === 'QuantizeLinear');
    return first
      ? [
          {
            node: first.node.outputs[0] ?? '',
            problem: 'activations are quantized: run it with the provider wasm',
          },
        ]
      : [];
  },
};

export const onnxruntimeWeb: Target = {
  name: 'onnxruntime-web',
  summary: 'onnxruntime-web in Node and browsers: WebAssembly; what WebGPU leaves to it',
  form: onnxruntimeForm,
  rules: [
    channelAxis({ source: onnx }),
    weightTypes(['int8'], { otherwise: 'slow', source: measured }),
    activationTypes(['uint8'], { otherwise: 'slow', source: measured }),
    fixedRanges({ otherwise: 'slow', source: measured }),
    quantizedResults(['Conv'], { otherwise: 'slow', source: measured }),
    productBias({ source: measured }),
    webgpu,
  ],
};
