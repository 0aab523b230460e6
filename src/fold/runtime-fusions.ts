import { GraphEditor } from '../graph/editor.js';
import { RUNTIME_DOMAIN } from '../graph/integer-forms.js';
import {
  type Attribute,
  attribute,
  floatAttribute,
  inputAt,
  intAttribute,
  type Model,
  type Node,
  node,
  opsetOf,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, floatTensor } from '../graph/tensor.js';
import type { Pass } from './pass.js';
import { turned } from './turned.js';

/** Where Clip has its bounds as inputs. */
const CLIP_INPUTS = 11;

/** What the optimizer adds to a layer's attributes. */
const added = new Set([
  ...['activation', 'activation_params', 'activation_alpha', 'activation_beta', 'activation_gamma'],
  ...['alpha', 'transA', 'transB', 'transBatchA', 'transBatchB'],
]);

/** The activations that the optimizer takes into a layer, with the attributes that their parameters are. */
const activations: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Sigmoid: [],
  Tanh: [],
  LeakyRelu: ['alpha'],
  HardSigmoid: ['alpha', 'beta'],
  Clip: ['min', 'max'],
};

/**
 * What onnxruntime's optimizer made of a layer and what stands around it becomes these again: only so is there an integer
 * kernel for it.
 *
 * - FusedConv → Conv, the Add of its fourth input, and its activation; FusedGemm → Gemm and its activation.
 * - FusedMatMul of a value and a constant float32 matrix on the right, which may be transposed → MatMul; its factor, alpha, goes
 *   into the matrix. Where the value is transposed, it stays.
 * - Activations are those that the optimizer knows, with their parameters; another one leaves the node as it is.
 * - The last node takes over the output's name, the layer the node's.
 */
export const runtimeFusions: Pass = {
  name: 'runtime-fusions',
  summary:
    "FusedConv, FusedGemm and FusedMatMul, which onnxruntime's optimizer writes, become ONNX operators",
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const fused = model.graph.nodes.filter(({ domain }) => domain === RUNTIME_DOMAIN);
    if (fused.length === 0) return 0;
    const editor = new GraphEditor(model);
    let changes = 0;
    for (const found of fused) {
      const parts = partsOf(found, editor, opsetOf(model));
      if (!parts) continue;
      editor.replace(found, ...parts);
      changes++;
    }
    return changes;
  },
};

function partsOf(found: Node, editor: GraphEditor, opset: number): Node[] | undefined {
  if (found.opType === 'FusedConv') return layerParts('Conv', found, editor, opset);
  if (found.opType === 'FusedGemm') return layerParts('Gemm', found, editor, opset);
  if (found.opType === 'FusedMatMul' || found.opType === 'TransposeMatMul') return product(found, editor);
  return undefined;
}

/** Conv or Gemm, the Add of a fourth input, and the activation. */
function layerParts(
  opType: 'Conv' | 'Gemm',
  found: Node,
  editor: GraphEditor,
  opset: number,
): Node[] | undefined {
  const [output = ''] = found.outputs;
  const activation = stringAttribute(found, 'activation', '');
  const names = Object.hasOwn(activations, activation) ? activations[activation] : undefined;
  const values = parametersOf(found);
  if (activation !== '' && (!names || values.length < names.length)) return undefined;
  const addend = inputAt(found, 3);
  const results = [...(addend ? [`${output}_layer`] : []), ...(activation ? [`${output}_linear`] : [])].map(
    (name) => editor.fresh(name),
  );
  const made = [...results, output];
  const kept = [...found.attributes].filter(
    ([name]) => !added.has(name) || (opType === 'Gemm' && /^(alpha|trans[AB])$/.test(name)),
  );
  const layer = node(opType, found.inputs.slice(0, 3), [made[0] ?? output], Object.fromEntries(kept));
  const parts: Node[] = [found.name === undefined ? layer : { ...layer, name: found.name }];
  if (addend) parts.push(node('Add', [made[0] ?? '', addend], [made[1] ?? output]));
  if (activation && names) {
    const input = made.at(-2) ?? '';
    const isClip = activation === 'Clip' && opset >= CLIP_INPUTS;
    const inputs = isClip
      ? [input, ...names.map((name, i) => bound(editor, `${output}_${name}`, values[i] ?? 0))]
      : [input];
    const attributes: Record<string, Attribute> = {};
    if (!isClip) for (const [i, name] of names.entries()) attributes[name] = attribute.float(values[i] ?? 0);
    parts.push(node(activation, inputs, [output], attributes));
  }
  return parts;
}

const bound = (editor: GraphEditor, wanted: string, value: number): string =>
  editor.addInitializer(wanted, floatTensor('float32', [], [value]));

/** Of FusedConv one list, of FusedGemm one attribute for each. */
function parametersOf(found: Node): readonly number[] {
  const list = found.attributes.get('activation_params');
  if (list?.kind === 'floats') return list.value;
  return ['alpha', 'beta', 'gamma']
    .map((name) => `activation_${name}`)
    .flatMap((name) => (found.attributes.has(name) ? [floatAttribute(found, name, 0)] : []));
}

function product(found: Node, editor: GraphEditor): Node[] | undefined {
  const [data = '', name = ''] = found.inputs;
  const matrix = editor.graph.initializers.get(name);
  const isTurned = ['transA', 'transBatchA', 'transBatchB'].some(
    (flag) => intAttribute(found, flag, 0) !== 0,
  );
  if (isTurned || matrix?.dataType !== 'float32' || matrix.dims.length !== 2) return undefined;
  if (editor.graph.initializers.has(data)) return undefined;
  const isAcross = intAttribute(found, 'transB', 0) !== 0;
  const alpha = floatAttribute(found, 'alpha', 1);
  const straight = isAcross ? turned(matrix) : matrix;
  const weight =
    alpha === 1
      ? straight
      : floatTensor(
          'float32',
          straight.dims,
          Float32Array.from(floatsOf(straight), (w) => alpha * w),
        );
  const right = weight === matrix ? name : editor.addInitializer(`${name}_turned`, weight);
  const made = node('MatMul', [data, right], found.outputs);
  return [{ ...made, id: found.id, name: found.name }];
}
