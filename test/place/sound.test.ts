import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { loadAnyModel } from '../../src/load/load-model.js';
import { place } from '../../src/place/place.js';
import { soundLayers } from '../../src/place/sound.js';
import { encodeModel } from '../../src/proto/encode.js';
import { completeRecipe } from '../../src/recipe.js';
import { quantize } from '../../src/run/quantize.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFile } from '../support/temporary-file.js';

/** Rows of a Hann-windowed cosine, row k of frequency k. */
const tones = (rows: number, taps: number): Float32Array =>
  Float32Array.from({ length: rows * taps }, (_, i) => {
    const [k, n] = [Math.floor(i / taps), i % taps];
    return Math.cos((2 * Math.PI * k * n) / taps) * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / taps));
  });

/** sound → Conv `stft` → what `middle` makes → MatMul `mel` → Log → MatMul `layer`. */
function spectrogram(middle: (g: GraphBuilder) => string): Model {
  const g = new GraphBuilder();
  g.input('sound', [1, 1, 1024]);
  g.constant('kernels', [33, 1, 128], randomFloats(33 * 128, 1));
  g.node('Conv', ['sound', 'kernels'], 'stft', { strides: [64] });
  g.constant('filters', [15, 8], randomFloats(120, 2));
  g.node('MatMul', [middle(g), 'filters'], 'mel');
  g.node('Log', ['mel'], 'logged');
  g.constant('w', [8, 4], randomFloats(32, 3));
  g.output(g.node('MatMul', ['logged', 'w'], 'layer'));
  return g.build();
}

const kept = (model: Model) => [...soundLayers(model.graph)].map(([{ id }]) => id);

describe('layers of sound', () => {
  it('are the transform, and what reads its powers before the logarithm', () => {
    expect(kept(spectrogram((g) => g.node('Mul', ['stft', 'stft'], 'power')))).toEqual(['stft', 'mel']);
    expect(kept(spectrogram((g) => g.node('Sqrt', [g.node('Abs', ['stft'], 'a')], 's')))).toEqual([
      'stft',
      'mel',
    ]);
  });

  it('behind a network of learned features only the first', () => {
    expect(kept(spectrogram((g) => g.node('Relu', ['stft'], 'r')))).toEqual(['stft']);
  });

  it.each<[string, (g: GraphBuilder) => void, boolean]>([
    ['a Conv of 64 samples on one channel', (g) => conv(g, [8, 1, 64]), false],
    ['a Conv of 65', (g) => conv(g, [8, 1, 65]), true],
    ['a Conv of 9 × 9 pixels', (g) => conv(g, [8, 1, 9, 9]), false],
    ['a Conv of 1 × 65', (g) => conv(g, [8, 1, 1, 65]), true],
    ['a Conv whose channels are the samples of a frame', (g) => conv(g, [33, 128, 1], tones(33, 128)), true],
    ['the same with learned weights', (g) => conv(g, [33, 128, 1]), false],
    ['a MatMul with the matrix of a transform', (g) => matMul(g, transposed(tones(33, 128), 128)), true],
    ['a MatMul with any other', (g) => matMul(g, randomFloats(33 * 128, 1)), false],
  ])('%s', (_, make, isSound) => {
    const g = new GraphBuilder();
    make(g);
    g.output('y');
    expect(kept(g.build())).toEqual(isSound ? ['y'] : []);
  });

  it('have their weights stored alone, unless a rule asks for their activations', () => {
    const model = spectrogram((g) => g.node('Mul', ['stft', 'stft'], 'power'));
    const runs = (recipe = {}) =>
      place(model, completeRecipe(recipe), 'm.onnx').weighted.map((each) => [each.node.id, each.runs.kind]);
    expect(runs()).toEqual([
      ['stft', 'float'],
      ['mel', 'float'],
      ['layer', 'integer'],
    ]);
    expect(runs({ rules: [{ pattern: 'stft', actBits: 8 }] })[0]).toEqual(['stft', 'integer']);
    expect(runs({ activations: { kind: 'dynamic' } })[0]).toEqual(['stft', 'float']);
  });
});

describe('a layer whose rows are tones', () => {
  /** sound → Conv `stft` → its powers → Log → MatMul `layer`. */
  function spectrum(kernels: Float32Array): Model {
    const g = new GraphBuilder();
    g.input('sound', ['n', 1, 1024]);
    g.constant('kernels', [33, 1, 128], kernels);
    g.node('Conv', ['sound', 'kernels'], 'stft', { strides: [64] });
    g.constant('least', [], [1e-6]);
    g.node('Add', [g.node('Mul', ['stft', 'stft'], 'power'), 'least'], 'some');
    g.constant('w', [15, 4], randomFloats(60, 3));
    g.output(g.node('MatMul', [g.node('Log', ['some'], 'logged'), 'w'], 'layer'));
    return g.build();
  }
  const roles = (model: Model, recipe = {}) =>
    place(model, completeRecipe(recipe), 'm.onnx').roles.get('stft')?.kind;

  it.each([{}, { activations: { kind: 'dynamic' } }, { activations: { kind: 'float' } }] as const)(
    'keeps its weights (%j), where learned ones are stored',
    (recipe) => {
      expect(roles(spectrum(tones(33, 128)), recipe)).toBe('float');
      expect(roles(spectrum(randomFloats(33 * 128, 1)), recipe)).toBe('weighted');
    },
  );

  it('is quantized where a rule says how', () => {
    for (const rule of [{ bits: 8 }, { actBits: 8 }] as const)
      expect(roles(spectrum(tones(33, 128)), { rules: [{ pattern: 'stft', ...rule }] })).toBe('weighted');
  });

  it('takes two bytes a weight in the file, and leaves what is soft beside a loud tone', async () => {
    const model = temporaryFile('m.onnx', encodeModel(spectrum(tones(33, 128))));
    // A tone of frequency 4 in noise 80 dB below it.
    const noise = randomFloats(8 * 1024, 7, -1e-4, 1e-4);
    const sound = noise.map((value, i) => value + Math.sin((2 * Math.PI * 4 * i) / 128));
    const data = temporaryFile('x.npy', npyBytes('<f4', [8, 1, 1024], sound));
    const output = temporaryFile('q.onnx', new Uint8Array());
    const { outputs, warnings } = await quantize({ model, data, output });
    expect(outputs[0]?.exact.sqnrDb).toBeGreaterThan(30);
    expect(warnings.join()).toContain('"stft" computes in float');
    const { initializers } = (await loadAnyModel(output)).model.graph;
    expect([...initializers.values()].find(({ dims }) => dims[2] === 128)?.dataType).toBe('float16');
  });
});

function conv(g: GraphBuilder, dims: number[], weights?: Float32Array): void {
  const [outputs = 1, inputs = 1, ...kernel] = dims;
  g.input('x', [1, inputs, ...kernel.map(() => 256)]);
  const count = dims.reduce((product, dim) => product * dim, 1);
  g.constant('w', [outputs, inputs, ...kernel], weights ?? randomFloats(count, 5));
  g.node('Conv', ['x', 'w'], 'y');
}

function matMul(g: GraphBuilder, weights: Float32Array): void {
  g.input('x', [2, 128]);
  g.constant('w', [128, 33], weights);
  g.node('MatMul', ['x', 'w'], 'y');
}

function transposed(rows: Float32Array, taps: number): Float32Array {
  const count = rows.length / taps;
  return Float32Array.from(rows, (_, i) => rows[(i % count) * taps + Math.floor(i / count)] as number);
}
