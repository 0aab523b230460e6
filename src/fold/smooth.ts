import { type ChannelMoments, normal } from '../graph/channel-moments.js';
import { GraphEditor } from '../graph/editor.js';
import { type Graph, inputAt, intAttribute, isOp, type Model, type Node } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import type { FactorRules } from './channel-factors.js';
import { channelGroup } from './channel-group.js';
import type { FoldContext, Pass } from './pass.js';
import { type Candidate, rescaleChannels } from './rescale.js';

const rules: FactorRules = { growth: 'shrinking', values: 'powers of two' };

/**
 * SmoothQuant (Xiao et al. 2023): outlier channels behind a normalization are divided by factors, which its scale and bias
 * take, and the weights that read them are multiplied: γ/s and β/s before, W·s behind, for every reader alike. The function
 * stays as it is, to the bit: factors are powers of two.
 *
 * - The normalization: LayerNormalization over the last axis, or what exporters write for it and its kin: a Mul with a row
 *   of constants behind a division by a root, and an Add of another row.
 * - How large a channel is tells the normalization itself, β ± 4γ, so that the folded model is one whatever the samples
 *   are; α is chosen for each value. Outliers shrink to the middle channel; what seems small stays, since what is
 *   normalized need not be the same in every channel.
 * - By itself only where channels are decades apart.
 */
export const smooth: Pass = {
  name: 'smooth',
  summary: 'outlier channels behind normalizations go into the weights that read them',
  needs: ['constants are initializers', 'no identities', 'factors of Gemm are 1'],
  ensures: [],
  run(model: Model, { form }: FoldContext): Promise<number> {
    const { graph } = model;
    const editor = new GraphEditor(model);
    return rescaleChannels(model, editor, form.smooth, { rules, rounds: 1 }, () =>
      graph.nodes.flatMap((node): Candidate[] => {
        const norm = normOf(graph, editor.uses, node);
        const group = norm && channelGroup(editor, norm.value, norm.channels, 'last');
        if (!group) return [];
        return [{ group, own: stated(graph, norm), divide: (factors) => divide(editor, norm, factors) }];
      }),
    );
  },
};

/** β and γ² of each channel. */
function stated(graph: Graph, { rows, channels }: Norm): ChannelMoments {
  const [gamma, beta] = rows.map(({ name }) => floatsOf(tensorOf(graph, name)));
  const mean = Float64Array.from({ length: channels }, (_, c) => beta?.[c] ?? 0);
  return normal(
    mean,
    mean.map((_, c) => (gamma?.[c] ?? 0) ** 2),
  );
}

function divide(editor: GraphEditor, { rows }: Norm, factors: Float64Array): void {
  for (const { node, index, name } of rows) {
    const tensor = tensorOf(editor.graph, name);
    const values = Float64Array.from(floatsOf(tensor), (x, c) => x / (factors[c] as number));
    const divided = editor.addInitializer(name, floatTensor(tensor.dataType, tensor.dims, values));
    editor.change(node, ({ inputs }) => {
      inputs[index] = divided;
    });
  }
}

/** A normalization that ends in a scale and, where it has one, a bias: one value a channel each. */
interface Norm {
  readonly value: string;
  readonly channels: number;
  /** The scale, then the bias, by the node and the input that reads them. */
  readonly rows: readonly { readonly node: Node; readonly index: number; readonly name: string }[];
}

function normOf(graph: Graph, uses: Uses, node: Node): Norm | undefined {
  const norm = isOp(node, 'LayerNormalization')
    ? layerNorm(graph, uses, node)
    : decomposed(graph, uses, node);
  const areRows = norm?.rows.every(({ name }) => {
    const tensor = graph.initializers.get(name);
    return tensor && isFloatTensor(tensor) && tensor.dims.length === 1 && tensor.dims[0] === norm.channels;
  });
  return areRows ? norm : undefined;
}

function layerNorm(graph: Graph, uses: Uses, node: Node): Norm | undefined {
  const [value] = node.outputs;
  const [scale, bias] = [inputAt(node, 1), inputAt(node, 2)];
  const channels = graph.initializers.get(scale ?? '')?.dims[0];
  const axis = intAttribute(node, 'axis', -1);
  const rank = axis === -1 ? undefined : rankOf(graph, uses, inputAt(node, 0) ?? '');
  if (!value || !scale || channels === undefined || (axis !== -1 && axis !== (rank ?? 0) - 1))
    return undefined;
  const rows = [{ node, index: 1, name: scale }, ...(bias ? [{ node, index: 2, name: bias }] : [])];
  return { value, channels, rows };
}

/** x/√… → Mul(row) → Add(row), the Add where there is one. */
function decomposed(graph: Graph, uses: Uses, node: Node): Norm | undefined {
  const isConstant = (name: string) => graph.initializers.has(name);
  const index = node.inputs.findIndex(isConstant);
  const scaled = inputAt(node, 1 - index);
  const [value] = node.outputs;
  const divisor = scaled === undefined ? undefined : uses.producer(scaled);
  if (!isOp(node, 'Mul') || index < 0 || !value || !divisor || !isOp(divisor, 'Div', 'Mul')) return undefined;
  const isRooted = divisor.inputs.some((name) => {
    const maker = uses.producer(name);
    return maker !== undefined && isOp(maker, 'Sqrt', 'Reciprocal', 'Pow');
  });
  const channels = graph.initializers.get(node.inputs[index] ?? '')?.dims[0];
  if (!isRooted || channels === undefined) return undefined;
  const scale = { node, index, name: node.inputs[index] ?? '' };
  const add = uses.onlyReader(value);
  const at = add && isOp(add, 'Add') ? add.inputs.findIndex(isConstant) : -1;
  if (!add || at < 0) return { value, channels, rows: [scale] };
  const bias = { node: add, index: at, name: add.inputs[at] ?? '' };
  return { value: add.outputs[0] ?? '', channels, rows: [scale, bias] };
}

function tensorOf(graph: Graph, name: string) {
  const tensor = graph.initializers.get(name);
  if (!tensor) throw new Error(`no constant is named ${name}`);
  return tensor;
}
