import { GraphEditor } from '../graph/editor.js';
import { BIAS_INPUT, linearLayerOf } from '../graph/linear-layer.js';
import { attribute, floatAttribute, isOp, type Model } from '../graph/model.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import type { Pass } from './pass.js';
import { setWeight } from './set-weight.js';

/**
 * Gemm's alpha into its weight, and beta into its bias: Y = α·A·B + β·C = A·(αB) + (βC). The integer kernel takes
 * neither.
 *
 * - Weight and bias are constants of a float type; what another node reads too is copied.
 */
export const gemmFactors: Pass = {
  name: 'gemm-factors',
  summary: "Gemm's alpha and beta fold into weight and bias",
  needs: ['constants are initializers'],
  ensures: ['factors of Gemm are 1'],
  run(model: Model): number {
    const { graph } = model;
    if (!graph.nodes.some((node) => isOp(node, 'Gemm'))) return 0;
    const editor = new GraphEditor(model);
    let folded = 0;
    for (const node of graph.nodes) {
      const layer = isOp(node, 'Gemm') ? linearLayerOf(graph, node) : undefined;
      const alpha = floatAttribute(node, 'alpha', 1);
      const beta = floatAttribute(node, 'beta', 1);
      if (!layer || (alpha === 1 && (beta === 1 || !layer.bias))) continue;
      const bias = layer.bias === undefined ? undefined : graph.initializers.get(layer.bias);
      if (layer.bias && (!bias || !isFloatTensor(bias))) continue;
      const { dataType, dims } = layer.weight;
      setWeight(
        editor,
        layer,
        floatTensor(
          dataType,
          dims,
          Float64Array.from(floatsOf(layer.weight), (w) => alpha * w),
        ),
      );
      if (layer.bias && bias) {
        const scaled = floatTensor(
          bias.dataType,
          bias.dims,
          Float64Array.from(floatsOf(bias), (b) => beta * b),
        );
        const name = editor.addInitializer(layer.bias, scaled);
        editor.change(node, () => {
          node.inputs[BIAS_INPUT] = name;
        });
      }
      node.attributes.set('alpha', attribute.float(1));
      node.attributes.set('beta', attribute.float(1));
      folded++;
    }
    return folded;
  },
};
