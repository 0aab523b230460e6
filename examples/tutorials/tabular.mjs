/** Records of flats with columns of very different size, as .npy, and a network that guesses the rent. */
import { writeFileSync } from 'node:fs';
import { folderOf, Network, randomOf, saveNpy } from './network.mjs';

/** Square metres, rooms, floor, year, kilometres to the centre, metres to the tram, balcony, income of the district. */
const COLUMNS = 8;
const HIDDEN = [128, 256];

/** A record, and its rent per month. */
function draw(random) {
  const rooms = random.whole(1, 6);
  const area = rooms * random.uniform(16, 30);
  const floor = random.whole(0, 12);
  const year = random.whole(1900, 2024);
  const centre = random.uniform(0.2, 25);
  const tram = Math.exp(random.uniform(3.5, 8));
  const balcony = random.whole(0, 1);
  const income = Math.exp(10.2 + 0.4 * random.normal());
  const perMetre = 9 + 8 * Math.exp(-centre / 6) + 3 * Math.max(0, (year - 1990) / 34) + income / 20_000;
  const rent = area * perMetre * (1 - 0.04 * Math.log(tram / 30)) + 60 * balcony + (floor > 5 ? 40 : 0);
  return { row: Float32Array.of(area, rooms, floor, year, centre, tram, balcony, income), rent };
}

/** What a user writes: how far the guesses are from those of the float model, in the unit of the rent. */
const metric = `// euros.mjs: how far the rents of the quantized model are from those of the float one.
export default () => {
  const off = [];
  return {
    add({ outputs }) {
      const other = outputs.quantized.rent.data;
      for (const [i, rent] of outputs.float.rent.data.entries()) off.push(Math.abs(other[i] - rent));
    },
    result() {
      off.sort((a, b) => a - b);
      const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
      return { mean_euros: mean, euros_of_99: off[Math.floor(0.99 * off.length)] };
    },
  };
};
`;

export async function makeTabular(at) {
  const random = randomOf(9);
  const [train, calib, test] = [3000, 300, 1000].map((count) =>
    Array.from({ length: count }, () => draw(random)),
  );
  const inputOf = ({ row }) => ({ flat: { data: row, dims: [COLUMNS] } });

  const net = new Network(10);
  net.input('flat', ['batch', COLUMNS]);
  const moments = Array.from({ length: COLUMNS }, (_, column) => {
    const mean = train.reduce((sum, { row }) => sum + row[column], 0) / train.length;
    const square = train.reduce((sum, { row }) => sum + (row[column] - mean) ** 2, 0) / train.length;
    return { mean: Number(mean.toPrecision(4)), deviation: Number(Math.sqrt(square).toPrecision(4)) };
  });
  net.node(
    'Sub',
    [
      'flat',
      net.constant(
        'means',
        [COLUMNS],
        moments.map(({ mean }) => mean),
      ),
    ],
    'centred',
  );
  let value = net.node(
    'Div',
    [
      'centred',
      net.constant(
        'deviations',
        [COLUMNS],
        moments.map(({ deviation }) => deviation),
      ),
    ],
    'scaled',
  );
  let inputs = COLUMNS;
  for (const [i, outputs] of HIDDEN.entries()) {
    net.weight(`hidden${i}.weight`, [outputs, inputs]);
    net.constant(
      `hidden${i}.bias`,
      [outputs],
      Array.from({ length: outputs }, () => net.random.normal()),
    );
    net.node('Gemm', [value, `hidden${i}.weight`, `hidden${i}.bias`], `hidden${i}`, { transB: 1 });
    value = net.node('Relu', [`hidden${i}`], `hidden${i}/relu`);
    inputs = outputs;
  }
  const { rows } = await net.values(value, train.map(inputOf));
  const head = net.solve(
    'rent',
    rows,
    train.map(({ rent }) => [rent]),
    1e-6,
  );
  net.constant(head.weight, [1, inputs], head.kernel);
  net.constant(head.biasName, [1], head.bias);
  net.node('Gemm', [value, head.weight, head.biasName], 'rent', { transB: 1 });
  net.output('rent', ['batch', 1]);
  net.save(at('rent.onnx'));

  saveNpy(
    at('calib.npy'),
    calib.map(({ row }) => row),
    [COLUMNS],
  );
  saveNpy(
    at('test.npy'),
    test.map(({ row }) => row),
    [COLUMNS],
  );
  writeFileSync(at('euros.mjs'), metric);
  const { rows: guesses } = await net.values('rent', test.map(inputOf));
  const off = guesses.map(([guess], i) => Math.abs(guess - test[i].rent));
  return off.reduce((sum, value) => sum + value, 0) / off.length;
}

if (import.meta.filename === process.argv[1]) {
  const euros = await makeTabular(folderOf('tabular.mjs'));
  console.log(
    `rent.onnx is ${euros.toFixed(0)} euros off on average on 1,000 flats; samples in calib.npy and test.npy`,
  );
}
