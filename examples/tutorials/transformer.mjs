/** Sentences of made-up words on four topics, and a transformer encoder that tells the topic. */
import { accuracyOf, folderOf, INT64, Network, oneOf, randomOf, saveLabels, saveNpy } from './network.mjs';

const WORDS = 400;
const LENGTH = 24;
const WIDTH = 64;
const HEADS = 4;
const LAYERS = 2;
const TOPICS = 4;

/** Word numbers [24] and a mask of those that are there: two fifths of the words belong to the topic, the others to none. */
function write(random, topic) {
  const length = random.whole(10, LENGTH);
  const ids = new BigInt64Array(LENGTH);
  const mask = new BigInt64Array(LENGTH);
  for (let i = 0; i < length; i++) {
    const own = random.uniform() < 0.4;
    ids[i] = BigInt(own ? 300 + 25 * topic + random.whole(0, 24) : random.whole(1, 299));
    mask[i] = 1n;
  }
  return { topic, ids, mask };
}

const inputOf = ({ ids, mask }) => ({
  input_ids: { data: ids, dims: [LENGTH] },
  attention_mask: { data: mask, dims: [LENGTH] },
});

/** x + what the layer makes of it, normalized. */
function joined(net, name, x, made) {
  net.node('Add', [x, made], `${name}/sum`);
  net.constant(`${name}.scale`, [WIDTH], new Array(WIDTH).fill(1));
  net.constant(`${name}.shift`, [WIDTH], new Array(WIDTH).fill(0));
  return net.node('LayerNormalization', [`${name}/sum`, `${name}.scale`, `${name}.shift`], `${name}/norm`, {
    axis: -1,
  });
}

function linear(net, name, x, inputs, outputs) {
  net.weight(`${name}.weight`, [inputs, outputs], { fan: 2 * inputs });
  net.constant(
    `${name}.bias`,
    [outputs],
    Array.from({ length: outputs }, () => net.random.uniform(-0.1, 0.1)),
  );
  net.node('MatMul', [x, `${name}.weight`], `${name}/matmul`);
  return net.node('Add', [`${name}/matmul`, `${name}.bias`], `${name}/out`);
}

function attention(net, name, x) {
  const heads = net.shape(`${name}.heads`, [0, 0, HEADS, WIDTH / HEADS]);
  const part = (kind, perm) => {
    net.node('Reshape', [linear(net, `${name}/${kind}`, x, WIDTH, WIDTH), heads], `${name}/${kind}/heads`);
    return net.node('Transpose', [`${name}/${kind}/heads`], `${name}/${kind}/apart`, { perm });
  };
  const [query, key, value] = [
    part('query', [0, 2, 1, 3]),
    part('key', [0, 2, 3, 1]),
    part('value', [0, 2, 1, 3]),
  ];
  net.node('MatMul', [query, key], `${name}/scores`);
  net.node('Mul', [`${name}/scores`, 'sharpness'], `${name}/scaled`);
  net.node('Add', [`${name}/scaled`, 'hidden'], `${name}/masked`);
  net.node('Softmax', [`${name}/masked`], `${name}/weights`, { axis: -1 });
  net.node('MatMul', [`${name}/weights`, value], `${name}/mixed`);
  net.node('Transpose', [`${name}/mixed`], `${name}/last`, { perm: [0, 2, 1, 3] });
  net.node('Reshape', [`${name}/last`, net.shape(`${name}.width`, [0, 0, WIDTH])], `${name}/joined`);
  return linear(net, `${name}/project`, `${name}/joined`, WIDTH, WIDTH);
}

export async function makeTransformer(at) {
  const random = randomOf(5);
  const sets = { train: 2000, calib: 128, test: 400 };
  const samples = Object.fromEntries(
    Object.entries(sets).map(([set, count]) => [
      set,
      Array.from({ length: count }, (_, i) => write(random, i % TOPICS)),
    ]),
  );

  const net = new Network(6);
  net.input('input_ids', ['batch', 'length'], INT64);
  net.input('attention_mask', ['batch', 'length'], INT64);
  net.constant('one', [], [1]);
  net.constant('sharpness', [], [1 / Math.sqrt(WIDTH / HEADS)]);
  net.node('Cast', ['attention_mask'], 'there', { to: 1 });
  // −10,000 where there is no word: [N, 1, 1, length].
  net.node('Sub', ['there', 'one'], 'lacking');
  net.node('Mul', ['lacking', net.constant('far', [], [10_000])], 'penalty');
  net.node('Unsqueeze', ['penalty', net.shape('hidden.axes', [1, 2])], 'hidden');
  net.weight('words', [WORDS, WIDTH], { fan: 2 });
  let x = net.node('Gather', ['words', 'input_ids'], 'embedded');
  for (let layer = 0; layer < LAYERS; layer++) {
    const name = `layer${layer}`;
    x = joined(net, `${name}/attended`, x, attention(net, `${name}/attention`, x));
    const wide = net.node('Relu', [linear(net, `${name}/up`, x, WIDTH, 4 * WIDTH)], `${name}/relu`);
    x = joined(net, `${name}/fed`, x, linear(net, `${name}/down`, wide, 4 * WIDTH, WIDTH));
  }
  // The mean over the words that are there.
  net.node('Unsqueeze', ['there', net.shape('there.axes', [2])], 'there/wide');
  net.node('Mul', [x, 'there/wide'], 'kept');
  net.node('ReduceSum', ['kept', net.shape('words.axis', [1])], 'total', { keepdims: 0 });
  net.node('ReduceSum', ['attention_mask', net.shape('mask.axis', [1])], 'count');
  net.node('Cast', ['count'], 'count/float', { to: 1 });
  net.node('Div', ['total', 'count/float'], 'pooled');
  const { rows } = await net.values('pooled', samples.train.map(inputOf));
  const head = net.solve(
    'head',
    rows,
    samples.train.map(({ topic }) => oneOf(topic, TOPICS)),
    1e-6,
  );
  net.constant(head.weight, [TOPICS, WIDTH], head.kernel);
  net.constant(head.biasName, [TOPICS], head.bias);
  net.node('Gemm', ['pooled', head.weight, head.biasName], 'logits', { transB: 1 });
  net.output('logits', ['batch', TOPICS]);
  net.save(at('topics.onnx'));

  for (const set of ['calib', 'test']) {
    saveNpy(
      at(`${set}-ids.npy`),
      samples[set].map(({ ids }) => ids),
      [LENGTH],
    );
    saveNpy(
      at(`${set}-mask.npy`),
      samples[set].map(({ mask }) => mask),
      [LENGTH],
    );
  }
  saveLabels(
    at('labels.npy'),
    samples.test.map(({ topic }) => topic),
  );
  const { rows: scores } = await net.values('logits', samples.test.map(inputOf));
  return accuracyOf(
    scores.map((row) => [...row]),
    samples.test.map(({ topic }) => topic),
  );
}

if (import.meta.filename === process.argv[1]) {
  const share = await makeTransformer(folderOf('transformer.mjs'));
  console.log(
    `topics.onnx tells the topic of ${(100 * share).toFixed(1)} % of 400 sentences; samples in calib-*.npy and test-*.npy`,
  );
}
