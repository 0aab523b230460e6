/**
 * What the makers of the tutorials' models share. Nothing is downloaded and nothing takes long: the layers have random
 * weights, each followed by a normalization that is measured on the samples, and the last layer is solved for by least
 * squares (an extreme learning machine, Huang et al. 2006). Seeds are fixed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import proto from 'onnx-proto';

// onnxruntime reads this when it is loaded: nothing of these runs is reported to anybody.
process.env.ORT_DISABLE_TELEMETRY = '1';
const ort = await import('onnxruntime-node');
const { onnx } = proto;
const { FLOAT, INT64 } = onnx.TensorProto.DataType;

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform: (low = 0, high = 1) => low + (high - low) * uniform(),
    whole: (low, high) => low + Math.floor((high - low + 1) * uniform()),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    pick: (list) => list[Math.floor(list.length * uniform())],
  };
}

/** A graph that grows layer by layer, and runs as far as it has grown. */
export class Network {
  nodes = [];
  initializers = [];
  inputs = [];
  outputs = [];

  constructor(seed) {
    this.random = randomOf(seed);
  }

  input(name, dims, type = FLOAT) {
    this.inputs.push(valueInfoOf(name, dims, type));
    return name;
  }

  /** A constant: numbers, or whole numbers for shapes. */
  constant(name, dims, values, type = FLOAT) {
    const data = type === INT64 ? { int64Data: [...values] } : { floatData: [...values] };
    this.initializers.push({ name, dims: [...dims], dataType: type, ...data });
    return name;
  }

  shape(name, values) {
    return this.constant(name, [values.length], values, INT64);
  }

  node(opType, inputs, output, attributes = {}) {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    this.nodes.push({ opType, name: output, input: inputs, output: [output], attribute });
    return output;
  }

  /** Random weights that keep the size of what they multiply (He et al. 2015); each filter sums to 0 where `centred`. */
  weight(name, dims, { centred = false, fan = dims.slice(1).reduce((a, b) => a * b, 1) } = {}) {
    const size = dims.slice(1).reduce((a, b) => a * b, 1);
    const values = [];
    for (let row = 0; row < dims[0]; row++) {
      const filter = Array.from({ length: size }, () => this.random.normal() * Math.sqrt(2 / fan));
      const mean = centred ? filter.reduce((a, b) => a + b, 0) / size : 0;
      values.push(...filter.map((value) => value - mean));
    }
    return this.constant(name, dims, values);
  }

  output(name, dims, type = FLOAT) {
    this.outputs.push(valueInfoOf(name, dims, type));
  }

  bytes(outputs = this.outputs) {
    const { nodes: node, initializers: initializer, inputs: input } = this;
    const model = {
      ...{ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], producerName: 'tutorials' },
      graph: { name: 'tutorial', node, initializer, input, output: outputs },
    };
    return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
  }

  /** The value of that name for each sample: { dims, rows }, the batch not among the dims. */
  async values(name, samples) {
    const session = await ort.InferenceSession.create(this.bytes([valueInfoOf(name, undefined, FLOAT)]), {
      ...{ logSeverityLevel: 3, intraOpNumThreads: 1 },
    });
    const rows = [];
    let dims = [];
    for (const sample of samples) {
      const feeds = Object.fromEntries(
        Object.entries(sample).map(([key, { data, dims }]) => [
          key,
          new ort.Tensor(data instanceof BigInt64Array ? 'int64' : 'float32', data, [1, ...dims]),
        ]),
      );
      const { [name]: found } = await session.run(feeds);
      dims = found.dims.slice(1);
      rows.push(found.data);
    }
    await session.release();
    return { dims, rows };
  }

  /** Conv, BatchNormalization with the statistics of the samples, Relu. */
  async block(input, name, [outputs, inputs, ...kernel], samples, attributes = {}) {
    this.weight(`${name}.weight`, [outputs, inputs, ...kernel], { centred: true });
    const half = kernel.map((size) => Math.floor(size / 2));
    const conv = this.node('Conv', [input, `${name}.weight`], `${name}/conv`, {
      ...{ kernel_shape: kernel, pads: [...half, ...half] },
      ...attributes,
    });
    const { rows } = await this.values(conv, samples);
    const [mean, variance] = channelMoments(rows, outputs);
    this.constant(
      `${name}.scale`,
      [outputs],
      mean.map(() => 1),
    );
    this.constant(
      `${name}.shift`,
      [outputs],
      mean.map(() => this.random.uniform(-0.5, 0.5)),
    );
    this.constant(`${name}.mean`, [outputs], mean);
    this.constant(`${name}.variance`, [outputs], variance);
    const parts = ['scale', 'shift', 'mean', 'variance'].map((part) => `${name}.${part}`);
    const norm = this.node('BatchNormalization', [conv, ...parts], `${name}/norm`);
    return this.node('Relu', [norm], `${name}/relu`);
  }

  /**
   * A last layer [features → outputs] by least squares: what gives the targets best, with so much of the features' mean
   * square kept from growing. Numbers are rounded to four digits, so that every machine writes the same file.
   */
  solve(name, features, targets, ridge = 1e-3) {
    const weights = leastSquares(features, targets, ridge);
    const count = features[0].length;
    const outputs = targets[0].length;
    const rounded = (value) => Number(value.toPrecision(4));
    const kernel = Array.from({ length: outputs * count }, (_, i) =>
      rounded(weights[(i % count) * outputs + Math.floor(i / count)]),
    );
    const bias = Array.from({ length: outputs }, (_, o) => rounded(weights[count * outputs + o]));
    return { kernel, bias, weight: `${name}.weight`, biasName: `${name}.bias` };
  }

  save(path) {
    writeFileSync(path, this.bytes());
  }
}

function channelMoments(rows, channels) {
  const places = rows[0].length / channels;
  const mean = new Float64Array(channels);
  const square = new Float64Array(channels);
  for (const row of rows)
    for (let i = 0; i < row.length; i++) {
      const channel = Math.floor(i / places);
      mean[channel] += row[i];
      square[channel] += row[i] ** 2;
    }
  const count = rows.length * places;
  const digits = (value) => Number(value.toPrecision(4));
  return [
    Array.from(mean, (sum) => digits(sum / count)),
    Array.from(square, (sum, i) => digits(sum / count - (mean[i] / count) ** 2)),
  ];
}

/** Weights [features + 1, outputs], the bias last, by the normal equations and Cholesky's factor. */
function leastSquares(features, targets, ridge) {
  const size = features[0].length + 1;
  const outputs = targets[0].length;
  const gram = new Float64Array(size * size);
  const right = new Float64Array(size * outputs);
  const row = new Float64Array(size);
  features.forEach((sample, n) => {
    row.set(sample);
    row[size - 1] = 1;
    for (let i = 0; i < size; i++) {
      const value = row[i];
      if (value === 0) continue;
      for (let j = 0; j <= i; j++) gram[i * size + j] += value * row[j];
      for (let o = 0; o < outputs; o++) right[i * outputs + o] += value * targets[n][o];
    }
  });
  let trace = 0;
  for (let i = 0; i < size; i++) trace += gram[i * size + i];
  for (let i = 0; i < size - 1; i++) gram[i * size + i] += (ridge * trace) / size;
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = gram[i * size + j];
      for (let k = 0; k < j; k++) sum -= gram[i * size + k] * gram[j * size + k];
      gram[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-9)) : sum / gram[j * size + j];
    }
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < size; i++) {
      let sum = right[i * outputs + o];
      for (let k = 0; k < i; k++) sum -= gram[i * size + k] * right[k * outputs + o];
      right[i * outputs + o] = sum / gram[i * size + i];
    }
    for (let i = size - 1; i >= 0; i--) {
      let sum = right[i * outputs + o];
      for (let k = i + 1; k < size; k++) sum -= gram[k * size + i] * right[k * outputs + o];
      right[i * outputs + o] = sum / gram[i * size + i];
    }
  }
  return right;
}

function valueInfoOf(name, dims, elemType) {
  const dim = dims?.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, ...(dim && { shape: { dim } }) } } };
}

function attributeOf(name, value) {
  const { FLOAT: float, INT, INTS } = onnx.AttributeProto.AttributeType;
  if (Array.isArray(value)) return { name, type: INTS, ints: value };
  return Number.isInteger(value) ? { name, type: INT, i: value } : { name, type: float, f: value };
}

/** 1 for the class and −1 for the others: what a last layer is to give. */
export const oneOf = (label, classes) => Array.from({ length: classes }, (_, i) => (i === label ? 1 : -1));

/** The share of the samples whose largest score is that of their class. */
export function accuracyOf(rows, labels) {
  const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]);
  return right.length / labels.length;
}

const descriptions = new Map([
  [Float32Array, '<f4'],
  [BigInt64Array, '<i8'],
  [Uint8Array, '|u1'],
]);

/** An array as numpy.save writes it. */
export function npyOf(data, dims) {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const descr = descriptions.get(data.constructor);
  const fields = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${fields.padEnd(117 + 64 * Math.ceil((fields.length - 117) / 64))}\n`;
  const prefix = Buffer.from([
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    1,
    0,
    header.length & 255,
    header.length >> 8,
  ]);
  return Buffer.concat([
    prefix,
    Buffer.from(header),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

/** Samples one behind the other in a .npy file. */
export function saveNpy(path, rows, dims) {
  const Type = rows[0].constructor;
  const size = rows[0].length;
  const data = new Type(rows.length * size);
  for (const [i, row] of rows.entries()) data.set(row, i * size);
  writeFileSync(path, npyOf(data, [rows.length, ...dims]));
}

export const saveLabels = (path, labels) =>
  writeFileSync(path, npyOf(BigInt64Array.from(labels, BigInt), [labels.length]));

/** The folder that the command line names, made where it is not there. */
export function folderOf(name) {
  const folder = process.argv[2];
  if (folder === undefined) {
    console.error(`node ${name} FOLDER`);
    process.exit(2);
  }
  mkdirSync(folder, { recursive: true });
  return (...parts) => join(folder, ...parts);
}

export { INT64 };
