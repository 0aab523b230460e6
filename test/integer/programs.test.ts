import { describe, expect, it } from 'vitest';
import { measureIntegers } from '../../src/evaluate/measure-integers.js';
import type { Model } from '../../src/graph/model.js';
import { kernels } from '../../src/integer/kernels.js';
import { readProgram } from '../../src/integer/read-program.js';
import { refuseBroken } from '../../src/integer/run-program.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { between, finish, Net, residual } from '../support/nets.js';
import { quantizeModel, randomFeeds, sourceOf } from '../support/quantize-model.js';
import { refusalOf } from '../support/refusal.js';

/** A model quantized, read as integers, and run beside onnxruntime on what it was calibrated on. */
async function measured(model: Model, recipe: GivenRecipe = {}) {
  const { emitted, feeds } = await quantizeModel(model, recipe);
  const program = await readProgram(emitted.model);
  const source = sourceOf(feeds);
  const run = { source, labels: undefined };
  const found = await measureIntegers(emitted.model, program, run, { mode: 'default', threads: 1 });
  return { program, found };
}

const build = (make: (net: Net) => string, shape = [1, 4, 8, 8]): Model => {
  const net = new Net();
  net.input('x', shape);
  return finish(net, make(net));
};

/** Powers of two as scales, of weights and of activations. */
const powers: GivenRecipe = { scheme: 'pow2', activations: { observer: 'pow2' } };

const last = (net: Net, value: string) => net.conv(value, 'y');

/** Products of two activations, too. */
const products: GivenRecipe = { activations: { matMul: true } };

/** Rows of x weighted by what is made of their products with all rows, between two layers: [2, 5, 16]. */
const attention = (): Model =>
  build(
    (net) => {
      const [q, k, v] = ['q', 'k', 'v'].map((name) => net.matMul('x', name, 16, 16)) as [
        string,
        string,
        string,
      ];
      const scores = net.node('MatMul', [q, net.node('Transpose', [k], 'kt', { perm: [0, 2, 1] })], 'scores');
      return net.matMul(net.node('MatMul', [scores, v], 'mixed'), 'y', 16, 4);
    },
    [2, 5, 16],
  );

const cases: readonly [name: string, operator: string, model: () => Model, recipe?: GivenRecipe][] = [
  ['a convolution and a Relu', 'conv', () => between((net, x) => net.node('Relu', [x], 'r'))],
  [
    'a depthwise one and a Clip',
    'conv',
    () => between((net, x) => net.clip(net.conv(x, 'a', 4, 4, { group: 4 }), 'r', -0.4, 0.9)),
  ],
  [
    'one in two groups, without a bias',
    'conv',
    () => between((net, x) => net.conv(x, 'r', 4, 4, { group: 2, bias: false })),
  ],
  [
    'one with strides, dilations and odd pads',
    'conv',
    () =>
      between((net, x) => net.conv(x, 'r', 4, 4, { strides: [2, 1], dilations: [1, 2], pads: [0, 1, 2, 3] })),
  ],
  [
    'one over rows alone',
    'conv',
    () =>
      build(
        (net) => net.conv(net.conv('x', 'a', 4, 4, { kernel: [3] }), 'y', 4, 4, { kernel: [5] }),
        [1, 4, 12],
      ),
  ],
  [
    'parts along an axis, one of them read by nothing',
    'split',
    () =>
      between((net, x) => {
        net.int64('sizes', [1, 2, 1]);
        net.node('Split', [x, 'sizes'], ['p', 'q', 'unread'], { axis: 1 });
        return net.node('Concat', ['q', 'p', 'p'], 'r', { axis: 1 });
      }),
  ],
  [
    'halves',
    'split',
    () =>
      between((net, x) => {
        net.node('Split', [x], ['p', 'q'], { axis: -1 });
        return net.node('Concat', ['q', 'p'], 'r', { axis: 3 });
      }),
  ],
  [
    'three parts of eight places, the last one shorter',
    'split',
    () =>
      between(
        (net, x) => {
          net.node('Split', [x], ['p', 'q', 'rest'], { axis: -1, num_outputs: 3 });
          return net.node('Concat', ['rest', 'q', 'p'], 'r', { axis: 3 });
        },
        { opset: 18 },
      ),
  ],
  ['a residual block', 'add', residual],
  [
    'an addition that broadcasts a constant',
    'add',
    () => between((net, x) => net.node('Add', [x, net.random('c', [4, 1, 1])], 's')),
  ],
  ['a product', 'mul', () => between((net, x) => net.node('Mul', [x, net.node('Sigmoid', [x], 'g')], 's'))],
  [
    'a concatenation of two scales',
    'concat',
    () =>
      build((net) => {
        net.conv('x', 'a');
        net.node('Relu', [net.conv('x', 'b')], 'r');
        net.node('Concat', ['a', 'r'], 'c', { axis: 1 });
        return net.conv('c', 'y', 8);
      }),
  ],
  [
    'an average pool',
    'average-pool',
    () =>
      between((net, x) =>
        net.node('AveragePool', [x], 'p', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] }),
      ),
  ],
  [
    'one that counts its padding',
    'average-pool',
    () =>
      between((net, x) =>
        net.node('AveragePool', [x], 'p', { kernel_shape: [2, 2], pads: [1, 1, 0, 0], count_include_pad: 1 }),
      ),
  ],
  ['a global average', 'average-pool', () => between((net, x) => net.node('GlobalAveragePool', [x], 'p'))],
  [
    'a maximum',
    'max-pool',
    () =>
      between((net, x) =>
        net.node('MaxPool', [x], 'p', { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 0] }),
      ),
  ],
  [
    'a function as a table',
    'lookup',
    () => between((net, x) => net.node('LeakyRelu', [x], 'l', { alpha: 0.2 })),
  ],
  ['HardSigmoid as an addition', 'add', () => between((net, x) => net.node('HardSigmoid', [x], 'h'))],
  [
    'a clamp of codes',
    'requantize',
    () =>
      between((net, x) => net.node('Relu', [net.node('Transpose', [x], 't', { perm: [0, 1, 3, 2] })], 'r')),
  ],
  [
    'axes in another order',
    'transpose',
    () => between((net, x) => net.node('Transpose', [x], 't', { perm: [0, 1, 3, 2] })),
  ],
  [
    'a part',
    'slice',
    () =>
      between((net, x) =>
        net.node(
          'Slice',
          [
            x,
            net.int64('from', [-1, 1]),
            net.int64('to', [-8, 2 ** 40]),
            net.int64('axes', [2, 3]),
            net.int64('steps', [-2, 3]),
          ],
          's',
        ),
      ),
  ],
  [
    'a border',
    'pad',
    () => between((net, x) => net.node('Pad', [x, net.int64('pads', [0, 0, 1, 2, 0, 0, 3, 0])], 'p')),
  ],
  [
    'rows and a matrix',
    'fully-connected',
    () =>
      build(
        (net) => net.gemm(net.node('Relu', [net.gemm('x', 'a', 24, 16)], 'r'), 'y', 16, 4, { transB: 1 }),
        [2, 24],
      ),
  ],
  [
    'a MatMul and its bias',
    'fully-connected',
    () =>
      build(
        (net) =>
          net.matMul(net.node('Add', [net.matMul('x', 'a', 24, 16), net.random('b', [16])], 's'), 'y', 16, 4),
        [2, 24],
      ),
  ],
  ['two values that are computed, as attention has them', 'batch-matmul', attention, products],
  [
    'another shape',
    'reshape',
    () => build((net) => net.gemm(net.node('Flatten', [net.conv('x', 'a')], 'f'), 'y', 256, 4)),
  ],
];

/** Attention as other tools write it: every value between Q and DQ, shares at a scale of 1/256 or another. */
function sharesModel(shareScale: number, shareZero: number): Model {
  const g = new GraphBuilder();
  const grid = (value: string, scale: number, zero: number) => {
    const steps = [
      g.constant(`${value}_s`, [], Float32Array.of(scale)),
      g.constant(`${value}_z`, [], Int8Array.of(zero)),
    ];
    g.node('QuantizeLinear', [value, ...steps], `${value}_q`);
    return g.node('DequantizeLinear', [`${value}_q`, ...steps], `${value}_dq`);
  };
  g.input('x', [3, 6, 8]);
  const x = grid('x', 0.02, 5);
  g.node('Transpose', [x], 't', { perm: [0, 2, 1] });
  g.node('MatMul', [x, grid('t', 0.02, 5)], 'scores');
  g.node('Softmax', [grid('scores', 0.06, -20)], 'shares', { axis: -1 });
  g.node('MatMul', [grid('shares', shareScale, shareZero), x], 'y_raw');
  g.node('Identity', [grid('y_raw', 0.01, 0)], 'y');
  g.output('y');
  return g.build();
}

describe('attention in integers', () => {
  it.each([
    [2 ** -8, -128],
    [0.0049, -117],
  ])('shares of scale %f: the codes of onnxruntime, but for a rounding', async (scale, zero) => {
    const model = sharesModel(scale, zero);
    const program = await readProgram(model);
    expect(program.others.filter(({ place }) => place === 'between')).toEqual([]);
    expect(program.operators.map(({ operator }) => operator)).toEqual([
      ...['transpose', 'batch-matmul', 'softmax', 'batch-matmul'],
    ]);
    const run = { source: sourceOf(randomFeeds(model)), labels: undefined };
    const found = await measureIntegers(model, program, run, { mode: 'default', threads: 1 });
    for (const { id, alone } of found.operators) {
      expect(alone.elements, id).toBeGreaterThan(0);
      expect(alone.most, id).toBeLessThanOrEqual(1);
      // exp and 1/x in 31 bits against floats.
      expect(alone.different, id).toBeLessThanOrEqual(0.05 * alone.elements);
    }
  });

  it.each([
    ['Gelu', {}, 20],
    ['Gelu', { approximate: 'tanh' }, 20],
    ['Elu', { alpha: 0.7 }, 13],
    ['Erf', {}, 13],
  ] as const)('%s %j by a table: the codes of onnxruntime', async (op, attributes, opset) => {
    const g = new GraphBuilder();
    const steps = (name: string, scale: number, zero: number) => [
      g.constant(`${name}_s`, [], Float32Array.of(scale)),
      g.constant(`${name}_z`, [], Int8Array.of(zero)),
    ];
    const [a, b] = [steps('a', 0.03, -11), steps('b', 0.031, -100)];
    g.input('x', [2, 500]);
    g.node('QuantizeLinear', ['x', ...a], 'x_q');
    g.node(op, [g.node('DequantizeLinear', ['x_q', ...a], 'x_dq')], 'r', attributes);
    g.node('QuantizeLinear', ['r', ...b], 'r_q');
    g.node('DequantizeLinear', ['r_q', ...b], 'y');
    g.output('y');
    const model = g.build({ opset });
    const program = await readProgram(model);
    expect(program.operators.map(({ operator }) => operator)).toEqual(['lookup']);
    const data = Float32Array.from({ length: 1000 }, (_, i) => (i - 500) / 100);
    const run = { source: sourceOf([{ x: { type: 'float32', dims: [2, 500], data } }]), labels: undefined };
    const found = await measureIntegers(model, program, run, { mode: 'disabled', threads: 1 });
    expect(found.operators[0]?.alone).toMatchObject({ elements: 1000, different: 0 });
  });

  it.each([
    [1, 'it is not along the last axis'],
    [0, 'it is not along the last axis'],
  ])('a Softmax along axis %i is none', async (axis, reason) => {
    const model = sharesModel(2 ** -8, -128);
    const nodes = model.graph.nodes.map((node) =>
      node.opType === 'Softmax'
        ? { ...node, attributes: new Map([['axis', { kind: 'int' as const, value: BigInt(axis) }]]) }
        : node,
    );
    const program = await readProgram({ ...model, graph: { ...model.graph, nodes } });
    expect(program.others.find(({ operator }) => operator === 'Softmax')?.reason).toBe(reason);
  });
});

describe('a network in integers alone', () => {
  it.each(cases)(
    '%s: gives the codes that onnxruntime gives, but for a rounding',
    async (_, operator, make, recipe) => {
      const { program, found } = await measured(make(), recipe);
      expect(program.others).toEqual([]);
      expect(program.operators.map((each) => each.operator)).toContain(operator);
      for (const { id, alone } of found.operators) {
        const isSum = program.operators.find((each) => each.id === id)?.outputs[0]?.type === 'int32';
        expect(alone.elements > 0, id).toBe(!isSum);
        expect(alone.most, id).toBeLessThanOrEqual(1);
        // Ties, which onnxruntime rounds to even and which averages of a few codes often are, and a second rounding here.
        expect(alone.different, id).toBeLessThanOrEqual(
          Math.max(1, (operator === 'average-pool' ? 0.15 : 0.02) * alone.elements),
        );
      }
      for (const { drift } of found.quantized.outputs)
        expect(drift.sqnrDb ?? 99, 'drift').toBeGreaterThan(30);
    },
  );

  it('has a case for every kernel', () => {
    const tried = new Set([...cases.map(([, operator]) => operator), 'softmax']);
    expect(kernels.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
  });

  it.each<[string, () => Model]>([
    [
      'residual, Mul, Concat and an average of four',
      () =>
        build((net) => {
          const a = net.node('Relu', [net.conv('x', 'a')], 'r');
          const sum = net.node('Add', [net.conv(a, 'b'), a], 'sum');
          const product = net.node('Mul', [net.conv(sum, 'c'), sum], 'product');
          const both = net.node('Concat', [net.conv(product, 'd'), sum], 'both', { axis: 1 });
          const pool = { kernel_shape: [2, 2], strides: [2, 2] };
          return net.conv(net.node('AveragePool', [both], 'pool', pool), 'y', 8, 4);
        }),
    ],
    [
      'one average of all 64 places, and a Gemm',
      () =>
        build((net) => {
          net.node('GlobalAveragePool', [net.conv('x', 'a')], 'p');
          net.node('Flatten', ['p'], 'f');
          return net.gemm(net.node('Relu', [net.gemm('f', 'g', 4, 8)], 'h'), 'y', 8, 4);
        }),
    ],
  ])(
    'shifts alone where all scales are powers of two, and gives the codes of onnxruntime: %s',
    async (_, model) => {
      const { program, found } = await measured(model(), powers);
      expect(program.isShiftOnly).toBe(true);
      expect(program.operators.some(({ parameters }) => parameters.multiplier === 2 ** 30)).toBe(false);
      expect(found.operators.reduce((sum, { alone }) => sum + alone.elements, 0)).toBeGreaterThan(100);
      expect(found.operators.map(({ alone, network }) => alone.different + network.different)).toEqual(
        found.operators.map(() => 0),
      );
    },
  );

  it('reads weights that are packed, and batches of any size', async () => {
    const net = new Net();
    net.input('x', ['n', 4, 8, 8]);
    const { program, found } = await measured(finish(net, last(net, net.conv('x', 'a'))), {
      bits: 4,
      allLayers: true,
    });
    expect(program.operators.map(({ operator }) => operator)).toEqual(['conv', 'conv']);
    expect(program.operators[0]?.outputs[0]?.dims).toEqual([null, 4, 8, 8]);
    expect(found.operators[0]?.alone.most).toBeLessThanOrEqual(1);
  });

  it('is refused where a float operator stands in between, by its name', async () => {
    const { emitted } = await quantizeModel(between((net, x) => net.node('Sin', [x], 'sin')));
    const program = await readProgram(emitted.model);
    expect(program.others).toMatchObject([{ id: 'sin', operator: 'Sin', place: 'between' }]);
    await expect(refusalOf(async () => refuseBroken(program, 'a.onnx'))).resolves.toMatchObject({
      code: 'not-integer-only',
      message: expect.stringContaining('Sin "sin"'),
    });
  });

  it('is refused for what cannot be in integers, not for what only reads its floats', async () => {
    const { emitted } = await quantizeModel(
      between((net, x) => net.node('Tanh', [net.node('Sin', [x], 'sin')], 'tanh')),
    );
    const program = await readProgram(emitted.model);
    expect(program.others).toMatchObject([
      { id: 'sin', place: 'between' },
      { id: 'tanh', place: 'between', reason: 'it reads floats' },
    ]);
    await expect(refusalOf(async () => refuseBroken(program, 'a.onnx'))).resolves.toMatchObject({
      message: expect.stringContaining('Sin "sin" stands between codes, and it has no integer kernel here'),
    });
  });

  it("takes another tool's file: int8, a Q behind every operator, a padding value behind a DQ", async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 4, 4]);
    g.constant('s', [], [0.02]);
    g.constant('z', [], Int8Array.of(-5));
    g.constant('v', [], Int8Array.of(20));
    const pair = (value: string, name: string) =>
      g.node('DequantizeLinear', [g.node('QuantizeLinear', [value, 's', 'z'], `${name}_q`), 's', 'z'], name);
    const value = g.node('DequantizeLinear', ['v', 's', 'z'], 'v_dq');
    g.constant('pads', [8], BigInt64Array.from([0, 0, 1, 0, 0, 0, 0, 1], BigInt));
    const padded = g.node('Pad', [pair('x', 'a'), 'pads', value], 'p');
    g.output(pair(g.node('Relu', [pair(padded, 'b')], 'r'), 'y'));
    const model = g.build();
    const program = await readProgram(model);
    expect(program.operators.map(({ operator }) => operator)).toEqual(['pad', 'requantize']);
    const source = sourceOf(randomFeeds(model));
    const found = await measureIntegers(
      model,
      program,
      { source, labels: undefined },
      { mode: 'default', threads: 1 },
    );
    for (const { network } of found.operators) expect(network.different).toBe(0);
  });

  it('takes floats at both ends', async () => {
    const model = build(
      (net) => net.node('Softmax', [net.gemm(net.node('Exp', ['x'], 'e'), 'a', 24, 16)], 'y'),
      [2, 24],
    );
    const { program, found } = await measured(model);
    expect(program.others.map(({ id, place }) => `${id} ${place}`)).toEqual(['e before', 'y behind']);
    expect(found.quantized.outputs[0]?.drift.sqnrDb ?? 99).toBeGreaterThan(60);
  });
});

describe('what is told of a layer', () => {
  it('names the clamp in codes, and the int32 of a layer whose result stays float', async () => {
    const model = build(
      (net) => net.gemm(net.clip(net.gemm('x', 'a', 8, 8), 'r', 0, 0.5), 'y', 8, 4),
      [1, 8],
    );
    const { program } = await measured(model);
    const [first, second] = program.operators;
    const [output] = first?.outputs ?? [];
    expect(output).toMatchObject({ name: 'r_q', zeroPoint: -128 });
    expect(first?.parameters).toMatchObject({ low: -128 });
    expect((Number(first?.parameters.high) + 128) * Number(output?.scale)).toBeCloseTo(0.5, 2);
    expect(second?.outputs[0]).toMatchObject({ type: 'int32', name: 'y' });
    expect(second?.parameters.multipliers).toHaveLength(0);
  });

  it('bounds every sum by the farthest codes', async () => {
    const { emitted } = await quantizeModel(build((net) => net.gemm('x', 'y', 8, 2), [1, 8]));
    const program = await readProgram(emitted.model);
    const [layer] = program.operators;
    const weight = layer?.parameters.weight as Int8Array;
    const bias = layer?.parameters.bias as Int32Array;
    const zeroPoint = layer?.inputs[0]?.zeroPoint ?? 0;
    const farthest = Math.max(127 - zeroPoint, zeroPoint + 128);
    const bounds = [0, 1].map(
      (o) =>
        farthest * weight.slice(o * 8, o * 8 + 8).reduce((sum, w) => sum + Math.abs(w), 0) +
        Math.abs(bias[o] as number),
    );
    expect(layer?.parameters.accumulatorBound).toBe(Math.max(...bounds));
  });
});
