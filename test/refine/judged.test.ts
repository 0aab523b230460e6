import { expect, it } from 'vitest';
import { judgedBy } from '../../src/refine/judged.js';
import { refinableLayers } from '../../src/refine/layers.js';
import { twinGraphOf } from '../../src/refine/twin-graph.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

/** x → Gemm → each operator. */
async function judged(...operators: string[]) {
  const net = new Net();
  net.input('x', ['n', 6]);
  const last = operators.reduce(
    (value, operator, at) => net.node(operator, [value], `v${at}`),
    net.gemm('x', 'y', 6, 3),
  );
  const model = finish(net, last);
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true });
  const twin = twinGraphOf(model, plan, refinableLayers(model.graph, plan));
  const [output] = twin.outputs;
  if (!output) throw new Error('the model has no output');
  const { float, quantized } = judgedBy(twin, output);
  const reader = twin.nodes.find(({ outputs }) => outputs.includes(twin.rawTwinOf('v0') ?? ''));
  return {
    float,
    quantized,
    isOutput: quantized === output.quantized,
    isRead: reader?.inputs[0] === quantized,
  };
}

it('an output is judged by itself', async () => {
  expect(await judged()).toMatchObject({ float: 'y', isOutput: true });
  expect(await judged('Exp')).toMatchObject({ float: 'v0', isOutput: true });
});

it.each([['Softmax'], ['Sigmoid'], ['LogSoftmax'], ['Softmax', 'Identity']])(
  'what %s %s makes is judged by its logits, as they are read',
  async (...operators) => {
    expect(await judged(...operators)).toMatchObject({ float: 'y', isOutput: false, isRead: true });
  },
);
