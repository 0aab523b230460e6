import type { DerivativeRule } from '../derivative.js';
import { rmsNormalization } from './rms-normalization.js';

/** SimplifiedLayerNormalization, onnxruntime's own name of RMSNormalization before opset 23. */
export const simplifiedLayerNormalization: DerivativeRule = {
  opType: 'SimplifiedLayerNormalization',
  domains: ['', 'com.microsoft'],
  derive: (node, [gradient, ...others], wanted, scope) =>
    others.some((other) => other !== undefined)
      ? 'has its deviation read'
      : rmsNormalization.derive(node, [gradient], wanted, scope),
};
