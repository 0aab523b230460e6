/** Pictures of four bright shapes, in class folders, and a network that tells them apart. */
import { mkdirSync } from 'node:fs';
import sharp from 'sharp';
import { accuracyOf, folderOf, Network, oneOf, randomOf } from './network.mjs';

const SIZE = 32;
const shapes = {
  circle: (x, y, r) => x * x + y * y <= r * r,
  cross: (x, y, r) => Math.min(Math.abs(x), Math.abs(y)) <= r / 3 && Math.max(Math.abs(x), Math.abs(y)) <= r,
  square: (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= 0.85 * r,
  triangle: (x, y, r) => y <= 0.8 * r && Math.abs(x) <= (y + r) / 1.8,
};
const names = Object.keys(shapes);

/** A picture [32, 32, 3]: bytes. */
function draw(random, name) {
  const back = [0, 1, 2].map(() => random.uniform(10, 100));
  const front = [0, 1, 2].map(() => random.uniform(130, 245));
  const [cx, cy] = [0, 1].map(() => SIZE / 2 + random.uniform(-5, 5));
  const radius = random.uniform(6, 10);
  const bytes = new Uint8Array(SIZE * SIZE * 3);
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const colour = shapes[name](x - cx, y - cy, radius) ? front : back;
      for (let c = 0; c < 3; c++)
        bytes[(y * SIZE + x) * 3 + c] = Math.max(0, Math.min(255, colour[c] + 12 * random.normal()));
    }
  return bytes;
}

/** 0 to 1, channels first. */
function inputOf(bytes) {
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) data[(i % 3) * SIZE * SIZE + Math.floor(i / 3)] = bytes[i] / 255;
  return { image: { data, dims: [3, SIZE, SIZE] } };
}

export async function makeClassifier(at) {
  const random = randomOf(1);
  const sets = { train: 1200, calib: 120, test: 400 };
  const samples = {};
  for (const [set, count] of Object.entries(sets))
    samples[set] = Array.from({ length: count }, (_, i) => {
      const label = i % names.length;
      return { label, bytes: draw(random, names[label]) };
    });

  const inputs = samples.train.map(({ bytes }) => inputOf(bytes));
  const some = inputs.slice(0, 64);
  const net = new Network(3);
  net.input('image', ['batch', 3, SIZE, SIZE]);
  let value = await net.block('image', 'stem', [24, 3, 5, 5], some);
  value = net.node('MaxPool', [value], 'pool1', { kernel_shape: [2, 2], strides: [2, 2] });
  value = await net.block(value, 'middle', [32, 24, 3, 3], some);
  value = net.node('MaxPool', [value], 'pool2', { kernel_shape: [2, 2], strides: [2, 2] });
  value = await net.block(value, 'late', [48, 32, 3, 3], some);
  value = net.node('AveragePool', [value], 'pool3', { kernel_shape: [2, 2], strides: [2, 2] });
  value = net.node('Flatten', [value], 'features');
  const { rows } = await net.values(value, inputs);
  const head = net.solve(
    'head',
    rows,
    samples.train.map(({ label }) => oneOf(label, names.length)),
    0.1,
  );
  net.constant(head.weight, [names.length, rows[0].length], head.kernel);
  net.constant(head.biasName, [names.length], head.bias);
  net.node('Gemm', [value, head.weight, head.biasName], 'logits', { transB: 1 });
  net.output('logits', ['batch', names.length]);
  net.save(at('shapes.onnx'));

  const { rows: scores } = await net.values(
    'logits',
    samples.test.map(({ bytes }) => inputOf(bytes)),
  );
  for (const set of ['calib', 'test'])
    for (const [i, { label, bytes }] of samples[set].entries()) {
      mkdirSync(at(set, names[label]), { recursive: true });
      const name = `${String(i).padStart(3, '0')}.png`;
      await sharp(bytes, { raw: { width: SIZE, height: SIZE, channels: 3 } }).toFile(
        at(set, names[label], name),
      );
    }
  return accuracyOf(
    scores.map((row) => [...row]),
    samples.test.map(({ label }) => label),
  );
}

if (import.meta.filename === process.argv[1]) {
  const share = await makeClassifier(folderOf('image-classifier.mjs'));
  console.log(
    `shapes.onnx tells ${(100 * share).toFixed(1)} % of 400 test pictures right; samples in calib/ and test/`,
  );
}
