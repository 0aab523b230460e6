import { attribute, type Graph, type Model, node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { biasIn } from '../../src/quantize/bias.js';
import { layerQuantizerOf, type Plan, weightAt } from '../../src/quantize/plan.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';

/**
 * The quantized network as float operators alone: the original graph in which
 *
 * - a weight is the float array that its codes stand for, a bias its int32 times its scale;
 * - where there is a table of codes, the rounded value of a root is looked up in it, as floats;
 * - a quantized value goes through x → clip(round(x / s) + z, 0, 2^bits − 1) → (q − z)·s, which integer operators'
 *   readers see always, and of a value that floats make only the layers do;
 * - where layers read narrower codes of a value than others, it goes through the same once more for them.
 *
 * No Q, DQ, integer type, Clip on codes or weight form: what a QDQ graph computes must equal it to the bit.
 */
export function referenceModel(model: Model, plan: Plan): Model {
  const { values, roles } = plan.placement;
  const graph: Graph = { ...model.graph, nodes: [], initializers: new Map(model.graph.initializers) };
  const constant = (name: string, array: NdArray): string => {
    graph.initializers.set(name, tensorOf(array));
    return name;
  };
  const floats = (name: string, dims: readonly number[], data: Float32Array) =>
    constant(name, { type: 'float32', dims, data });

  const insertRounding = (value: string, output: string, raw: string) => {
    const root = values.get(value)?.root ?? value;
    const activation = plan.activations.get(root)?.quantizer as ActivationQuantizer;
    round(value, output, raw, { activation, bits: values.get(value)?.bits ?? 8, looksUp: root === value });
  };
  const round = (
    value: string,
    output: string,
    raw: string,
    { activation, bits: width, looksUp }: { activation: ActivationQuantizer; bits: number; looksUp: boolean },
  ) => {
    const quantizer = activation.grid;
    const bits = activation.kind === 'lut' ? 8 : width;
    const scalar = (suffix: string, x: number) => floats(`${value}.${suffix}`, [], Float32Array.of(x));
    const [scale, zero] = [scalar('scale', quantizer.scale), scalar('zero', quantizer.zeroPoint)];
    const look = (codes: string): string => {
      if (activation.kind !== 'lut' || !looksUp) return codes;
      const table = floats(`${value}.table`, [256], Float32Array.from(activation.table));
      graph.nodes.push(
        node('Cast', [codes], [`${value}.index`], { to: attribute.int(7) }),
        node('Gather', [table, `${value}.index`], [`${value}.level`]),
      );
      return `${value}.level`;
    };
    graph.nodes.push(
      node('Div', [raw, scale], [`${value}.divided`]),
      node('Round', [`${value}.divided`], [`${value}.rounded`]),
      node('Add', [`${value}.rounded`, zero], [`${value}.shifted`]),
      node('Clip', [`${value}.shifted`, scalar('low', 0), scalar('high', 2 ** bits - 1)], [`${value}.codes`]),
      node('Sub', [look(`${value}.codes`), zero], [`${value}.steps`]),
      node('Mul', [`${value}.steps`, scale], [output]),
    );
  };
  const isInteger = (value: string) => values.get(value)?.madeByInteger === true;
  const afterMaking = (value: string) => {
    if (isInteger(value)) insertRounding(value, value, `${value}.raw`);
    else if (values.has(value)) insertRounding(value, `${value}.seen`, value);
    const placed = values.get(value);
    if (placed?.layerBits === undefined) return;
    const activation = layerQuantizerOf(plan, value) as ActivationQuantizer;
    const read = isInteger(value) ? value : `${value}.seen`;
    round(`${value}.layer`, `${value}.narrow`, read, { activation, bits: placed.layerBits, looksUp: true });
  };

  for (const { name } of model.graph.inputs) afterMaking(name);
  for (const each of model.graph.nodes) {
    const role = roles.get(each.id);
    const weighted = role?.kind === 'weighted' ? role.weighted : undefined;
    const floating =
      role?.kind === 'float' || role?.kind === 'shape' || (weighted && weighted.runs.kind !== 'integer');
    const inputs = each.inputs.map((input) =>
      values.has(input) && !isInteger(input) && !floating ? `${input}.seen` : input,
    );
    const [first = ''] = each.inputs;
    if (weighted?.runs.kind === 'integer' && values.get(first)?.layerBits !== undefined)
      inputs[0] = `${first}.narrow`;
    for (const { id, input, weight: tensor } of weighted?.sites ?? []) {
      const stored = floats(`${id}.stored`, tensor.dims, dequantizeTensor(weightAt(plan, { id })));
      // Behind a node as in the QDQ graph: kernels sum in another order where a weight is a constant.
      inputs[input] = `${id}.weight`;
      graph.nodes.push(node('Identity', [stored], [`${id}.weight`]));
    }
    const bias = weighted && biasIn(plan, weighted);
    if (bias && weighted.runs.linear?.bias) inputs[2] = floats(`${each.id}.bias`, ...biasOf(bias));
    if (role?.kind === 'bias') {
      const planned = biasIn(plan, role.weighted);
      if (!planned) throw new Error(`${each.id} adds no bias`);
      const at = each.inputs.indexOf(role.weighted.bias ?? '');
      inputs[at] = floats(`${each.id}.bias`, ...biasOf(planned));
    }
    if (role?.kind === 'arithmetic') {
      each.inputs.forEach((input, at) => {
        const operand = plan.constants.get(input);
        if (!operand) return;
        const { codes, dims, quantizer } = operand;
        const data = Float32Array.from(codes, (code) => (code - quantizer.zeroPoint) * quantizer.scale);
        inputs[at] = floats(`${input}.operand`, dims, data);
      });
    }
    const outputs = each.outputs.map((output) => (isInteger(output) ? `${output}.raw` : output));
    graph.nodes.push({ ...each, inputs, outputs });
    for (const output of each.outputs) afterMaking(output);
  }
  return { ...model, graph };
}

function biasOf({ values, scales }: { values: Int32Array; scales: Float32Array }): [number[], Float32Array] {
  // As DequantizeLinear: the integer becomes a float32 first.
  const floats = Float32Array.from(values, (v, c) => Math.fround(v) * (scales[c] ?? (scales[0] as number)));
  return [[values.length], floats];
}
