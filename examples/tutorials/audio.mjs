/** Clips of half a second with and without a rising tone, as .wav files, and a network that hears it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { folderOf, Network, randomOf } from './network.mjs';

const RATE = 4000;
const LENGTH = RATE / 2;

/** Samples in [−1, 1]: noise, and most times a tone that rises, falls, or stays. */
function play(random, kind) {
  const [low, high] = [random.uniform(200, 500), random.uniform(900, 1500)];
  const [from, to] = { rising: [low, high], falling: [high, low], steady: [low, low], none: [0, 0] }[kind];
  const loudness = kind === 'none' ? 0 : random.uniform(0.2, 0.6);
  const noise = random.uniform(0.02, 0.15);
  const start = random.uniform(0, 0.1);
  let phase = 0;
  return Float32Array.from({ length: LENGTH }, (_, i) => {
    const time = i / RATE - start;
    const there = time >= 0 && time < 0.35;
    phase += (2 * Math.PI * (from + (to - from) * Math.max(0, Math.min(1, time / 0.35)))) / RATE;
    return (there ? loudness * Math.sin(phase) : 0) + noise * random.normal();
  });
}

/** A .wav file, 16 bits, one channel. */
function wavOf(samples) {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * samples.length, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(2 * RATE, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  for (const [i, value] of samples.entries())
    bytes.writeInt16LE(Math.round(32767 * Math.max(-1, Math.min(1, value))), 44 + 2 * i);
  return bytes;
}

/** What a user writes: a module that turns files into samples. */
const reader = (set) => `// ${set}.mjs: the clips of ${set}/ as inputs of the model.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '${set}');

export default function* () {
  for (const name of readdirSync(folder).sort()) {
    const bytes = readFileSync(join(folder, name)).subarray(44); // behind the header: 16 bits, one channel
    const data = Float32Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / 32768);
    yield { clip: { data, dims: [1, data.length] } };
  }
}
`;

const others = ['falling', 'steady', 'none'];
/** One clip in ten is an event; in training one in four. */
const kindOf = (random, i, every) => (i % every === 0 ? 'rising' : random.pick(others));

export async function makeAudio(at) {
  const random = randomOf(7);
  const train = Array.from({ length: 900 }, (_, i) => kindOf(random, i, 4)).map((kind) => ({
    kind,
    data: play(random, kind),
  }));
  const inputOf = ({ data }) => ({ clip: { data, dims: [1, LENGTH] } });
  const inputs = train.map(inputOf);
  const some = inputs.slice(0, 32);

  const net = new Network(8);
  net.input('clip', ['batch', 1, LENGTH]);
  let value = await net.block('clip', 'bank', [64, 1, 64], some, { strides: [16], pads: [32, 31] });
  value = await net.block(value, 'middle', [64, 64, 5], some, { strides: [2] });
  value = await net.block(value, 'late', [64, 64, 5], some, { strides: [2] });
  value = net.node('AveragePool', [value], 'pooled', { kernel_shape: [4], strides: [4] });
  value = net.node('Flatten', [value], 'features');
  const { rows } = await net.values(value, inputs);
  const head = net.solve(
    'head',
    rows,
    train.map(({ kind }) => [kind === 'rising' ? 4 : -4]),
    3e-3,
  );
  net.constant(head.weight, [1, rows[0].length], head.kernel);
  net.constant(head.biasName, [1], head.bias);
  net.node('Gemm', [value, head.weight, head.biasName], 'logit', { transB: 1 });
  net.node('Sigmoid', ['logit'], 'event');
  net.output('event', ['batch', 1]);
  net.save(at('rising.onnx'));

  const labels = [];
  const tested = [];
  for (const [set, count] of [
    ['calib', 120],
    ['test', 400],
  ]) {
    mkdirSync(at(set), { recursive: true });
    writeFileSync(at(`${set}.mjs`), reader(set));
    for (let i = 0; i < count; i++) {
      const kind = kindOf(random, i, 10);
      const data = play(random, kind);
      writeFileSync(at(set, `${String(i).padStart(3, '0')}.wav`), wavOf(data));
      if (set !== 'test') continue;
      labels.push(kind === 'rising' ? 1 : 0);
      tested.push(inputOf({ data }));
    }
  }
  writeFileSync(at('labels.csv'), `${labels.join('\n')}\n`);
  const { rows: events } = await net.values('event', tested);
  const count = (label) => events.filter(([score], i) => labels[i] === label && score > 0.5).length;
  return { hits: count(1), alarms: count(0), events: labels.filter((label) => label === 1).length };
}

if (import.meta.filename === process.argv[1]) {
  const { hits, alarms, events } = await makeAudio(folderOf('audio.mjs'));
  console.log(
    `rising.onnx hears ${hits} of ${events} events in 400 clips, with ${alarms} false alarms; clips in calib/ and test/`,
  );
}
