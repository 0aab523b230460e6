import { expect, test } from 'vitest';
import { matchLayers } from '../../src/evaluate/match-layers.js';
import type { Model } from '../../src/graph/model.js';
import { floatTensor } from '../../src/graph/tensor.js';
import { describeMatched } from '../../src/report/describe-matched.js';
import { floatNet, operatorNet, qdqNet, renamed } from '../support/foreign-models.js';

function described(quantized: Model) {
  const float = floatNet();
  const { pairs } = matchLayers(float, quantized);
  return describeMatched(float.graph, quantized.graph, pairs).layers;
}

/** The first layer's scale once for each of its three channels. */
function perChannel(model: Model): Model {
  model.graph.initializers.set('c_weight_scale', floatTensor('float32', [3], [0.008, 0.008, 0.008]));
  return model;
}

test.each([
  ['QDQ', qdqNet],
  ['integer operators', operatorNet],
  ['other names', () => renamed(operatorNet())],
])('widths, and scales one a channel, of %s', (_, make) => {
  const layers = described(perChannel(make()));
  expect(layers.map(({ id, weight, dims }) => [id, weight, dims])).toEqual([
    ['c', 'c_weight', [3, 2, 3, 3]],
    ['y', 'y_weight', [4, 3, 3, 3]],
  ]);
  expect(layers.map(({ quantized }) => quantized)).toMatchObject([
    { bits: 8, scheme: 'int8', granularity: 'channel', inputBits: 8, runs: 'integer' },
    { bits: 8, scheme: 'int8', granularity: 'tensor', inputBits: 8, runs: 'integer' },
  ]);
});

test('a layer that was not found says so', () => {
  const other = renamed(qdqNet());
  const [first] = described({ ...other, graph: { ...other.graph, nodes: other.graph.nodes.slice(0, 2) } });
  expect(first).toMatchObject({ quantized: null, reason: 'it was not found in the quantized model' });
});
