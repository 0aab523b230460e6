/** Scenes with bright discs before a noisy ground, and a detector of the form of SSD: boxes [N, n, 4] and scores [N, n, 2]. */
import { mkdirSync } from 'node:fs';
import sharp from 'sharp';
import { folderOf, Network, randomOf } from './network.mjs';

const SIZE = 64;
const CELL = 8;
const GRID = SIZE / CELL;

/** A picture [64, 64, 3], and its boxes: x1, y1, x2, y2 in pixels. */
function draw(random) {
  const back = [0, 1, 2].map(() => random.uniform(20, 90));
  const boxes = [];
  for (let tries = random.whole(2, 6); tries > 0; tries--) {
    const radius = random.uniform(5, 9);
    const [x, y] = [0, 1].map(() => random.uniform(radius, SIZE - radius));
    const apart = boxes.every((other) => Math.hypot(x - other.x, y - other.y) > radius + other.radius + 2);
    if (apart) boxes.push({ x, y, radius, colour: [0, 1, 2].map(() => random.uniform(130, 245)) });
  }
  const bytes = new Uint8Array(SIZE * SIZE * 3);
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const box = boxes.find((disc) => Math.hypot(x + 0.5 - disc.x, y + 0.5 - disc.y) <= disc.radius);
      for (let c = 0; c < 3; c++)
        bytes[(y * SIZE + x) * 3 + c] = Math.max(
          0,
          Math.min(255, (box?.colour ?? back)[c] + 15 * random.normal()),
        );
    }
  return { bytes, boxes };
}

/** 0 to 1, channels first. */
function inputOf(bytes) {
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) data[(i % 3) * SIZE * SIZE + Math.floor(i / 3)] = bytes[i] / 255;
  return { image: { data, dims: [3, SIZE, SIZE] } };
}

/** For each cell: the disc whose centre lies in it. */
const ownerOf = (boxes, row, column) =>
  boxes.find(({ x, y }) => Math.floor(x / CELL) === column && Math.floor(y / CELL) === row);

export async function makeDetector(at) {
  const random = randomOf(2);
  const train = Array.from({ length: 240 }, () => draw(random));
  const inputs = train.map(({ bytes }) => inputOf(bytes));
  const some = inputs.slice(0, 32);

  const net = new Network(4);
  net.input('image', ['batch', 3, SIZE, SIZE]);
  let value = await net.block('image', 'stem', [16, 3, 5, 5], some, { strides: [2, 2] });
  value = await net.block(value, 'middle', [32, 16, 3, 3], some, { strides: [2, 2] });
  value = await net.block(value, 'late', [64, 32, 3, 3], some, { strides: [2, 2] });
  value = await net.block(value, 'wide', [160, 64, 3, 3], some);
  const { rows, dims } = await net.values(value, inputs);
  const [channels = 0] = dims;

  // A row of features for each cell; box sides as distances from the middle of the cell, in cells.
  const cells = { features: [], scores: [], owned: [], sides: [] };
  for (const [n, { boxes }] of train.entries())
    for (let cell = 0; cell < GRID * GRID; cell++) {
      const [row, column] = [Math.floor(cell / GRID), cell % GRID];
      const feature = Float64Array.from({ length: channels }, (_, c) => rows[n][c * GRID * GRID + cell]);
      const owner = ownerOf(boxes, row, column);
      cells.features.push(feature);
      cells.scores.push([owner ? 7 : -2]);
      if (owner === undefined) continue;
      const [dx, dy, r] = [owner.x / CELL - column - 0.5, owner.y / CELL - row - 0.5, owner.radius / CELL];
      cells.owned.push(feature);
      cells.sides.push([dx - r, dy - r, dx + r, dy + r]);
    }
  const score = net.solve('score', cells.features, cells.scores, 1e-4);
  const side = net.solve('side', cells.owned, cells.sides, 1e-4);

  for (const [head, count] of [
    [score, 1],
    [side, 4],
  ]) {
    net.constant(head.weight, [count, channels, 1, 1], head.kernel);
    net.constant(head.biasName, [count], head.bias);
  }
  net.node('Conv', [value, score.weight, score.biasName], 'score/conv', { kernel_shape: [1, 1] });
  net.node('Conv', [value, side.weight, side.biasName], 'side/conv', { kernel_shape: [1, 1] });

  // From cells to the list: [N, 1, 8, 8] → [N, 64, 1].
  net.node('Transpose', ['score/conv'], 'score/last', { perm: [0, 2, 3, 1] });
  net.node('Reshape', ['score/last', net.shape('score.list', [0, -1, 1])], 'score/list');
  net.node('Sigmoid', ['score/list'], 'disc');
  net.node('Sub', [net.constant('one', [], [1]), 'disc'], 'ground');
  net.node('Concat', ['ground', 'disc'], 'scores', { axis: 2 });
  net.node('Transpose', ['side/conv'], 'side/last', { perm: [0, 2, 3, 1] });
  net.node('Reshape', ['side/last', net.shape('side.list', [0, -1, 4])], 'side/list');
  const middles = Array.from({ length: GRID * GRID }, (_, cell) => {
    const [x, y] = [(cell % GRID) + 0.5, Math.floor(cell / GRID) + 0.5];
    return [x, y, x, y];
  });
  net.node('Add', ['side/list', net.constant('middles', [1, GRID * GRID, 4], middles.flat())], 'in-cells');
  net.node('Div', ['in-cells', net.constant('cells', [], [GRID])], 'boxes');
  net.output('scores', ['batch', GRID * GRID, 2]);
  net.output('boxes', ['batch', GRID * GRID, 4]);
  net.save(at('discs.onnx'));

  for (const [set, count] of [
    ['calib', 60],
    ['test', 60],
  ]) {
    mkdirSync(at(set), { recursive: true });
    for (let i = 0; i < count; i++) {
      const picture = draw(random);
      const path = at(set, `${String(i).padStart(3, '0')}.png`);
      await sharp(picture.bytes, { raw: { width: SIZE, height: SIZE, channels: 3 } }).toFile(path);
    }
  }

  // How many of the discs of other scenes have a cell that is sure of them.
  const others = Array.from({ length: 60 }, () => draw(random));
  const found = await net.values(
    'scores',
    others.map(({ bytes }) => inputOf(bytes)),
  );
  let [all, hit] = [0, 0];
  for (const [n, { boxes }] of others.entries())
    for (const { x, y } of boxes) {
      all++;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const [row, column] = [Math.floor(y / CELL) + dy, Math.floor(x / CELL) + dx];
          if (row < 0 || column < 0 || row >= GRID || column >= GRID) continue;
          if (found.rows[n][(row * GRID + column) * 2 + 1] > 0.5) {
            hit++;
            dy = dx = 2;
          }
        }
    }
  return hit / all;
}

if (import.meta.filename === process.argv[1]) {
  const share = await makeDetector(folderOf('detector.mjs'));
  console.log(
    `discs.onnx finds ${(100 * share).toFixed(1)} % of the discs of 60 scenes; samples in calib/ and test/`,
  );
}
