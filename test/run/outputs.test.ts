import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DriftMeter } from '../../src/evaluate/drift.js';
import type { DataType } from '../../src/graph/data-type.js';
import { attribute, type Model, node } from '../../src/graph/model.js';
import { rawBytesOf, type Tensor } from '../../src/graph/tensor.js';
import { loadAnyModel } from '../../src/load/load-model.js';
import type { NdArray } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { quantize } from '../../src/run/quantize.js';
import { withSession } from '../../src/runtime/session.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { refusalOf } from '../support/refusal.js';
import { temporaryFile } from '../support/temporary-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function gemm(inputs: Readonly<Record<string, (string | number)[]>> = { x: ['n', 4] }): GraphBuilder {
  const g = new GraphBuilder();
  for (const [name, shape] of Object.entries(inputs)) g.input(name, shape);
  g.constant('w', [4, 64], randomFloats(256, 1));
  g.node('MatMul', ['x', 'w'], 'y');
  return g;
}

function fileOf(model: Model): string {
  const path = temporaryFile('m.onnx', encodeModel(model));
  writeFileSync(path, encodeModel(model));
  return path;
}

const cast = (g: GraphBuilder, to: number, dataType: DataType): void => {
  g.node('Cast', ['y'], 'z', { to });
  g.output('z', undefined, dataType);
};

describe('outputs', () => {
  it.each([
    ['int4', 22, 21],
    ['uint4', 21, 21],
    ['float8e4m3fn', 17, 19],
    ['float8e5m2', 19, 19],
  ] as const)('of %s are named, and the others measured', async (type, to, opset) => {
    const g = gemm();
    g.output('y');
    cast(g, to, type);
    const result = await quantize({ model: fileOf(g.build({ opset, irVersion: 10 })) });
    expect(result.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(result.warnings).toContainEqual(expect.stringContaining(`Output "z" (${type}) is not compared`));
  });

  it('of bfloat16 are compared as they are before their Cast', async () => {
    const g = gemm();
    g.output('y');
    cast(g, 16, 'bfloat16');
    const output = temporaryFile('q.onnx', new Uint8Array());
    const { outputs, warnings } = await quantize({ model: fileOf(g.build({ opset: 19 })), output });
    const [y, z] = outputs;
    expect(z?.deployed.sqnrDb).toBe(y?.deployed.sqnrDb);
    expect(warnings.join()).not.toContain('not compared');
    const written = (await loadAnyModel(output)).model.graph.outputs;
    expect(written.map(({ dataType }) => dataType)).toEqual(['float32', 'bfloat16']);
  });

  it('of bfloat16 that more than the outside reads are named', async () => {
    const g = gemm();
    cast(g, 16, 'bfloat16');
    g.output(g.node('Cast', ['z'], 'back', { to: 1 }));
    const { outputs, warnings } = await quantize({ model: fileOf(g.build({ opset: 19 })) });
    expect(outputs.map(({ name }) => name)).toEqual(['back']);
    expect(warnings).toContainEqual(expect.stringContaining('Output "z" (bfloat16) is not compared'));
  });

  it.each([
    ['a file', false],
    ['a file whose tensors stand in another', true],
  ])('that the runtime cannot name are left out where a session is made of %s', async (_, isApart) => {
    const g = gemm();
    g.output('y');
    cast(g, 17, 'float8e4m3fn');
    const model = g.build({ opset: 19 });
    const folder = temporaryFolder();
    const path = join(folder, 'm.onnx');
    const outside = { location: 'm.data', offset: 0, length: 1024 };
    const [w] = [...model.graph.initializers.values()];
    writeFileSync(join(folder, 'm.data'), rawBytesOf(w as Tensor) ?? '');
    writeFileSync(
      path,
      encodeModel(model, (tensor) => (isApart && tensor === w ? outside : undefined)),
    );
    await withSession(path, { mode: 'basic' }, async (session) => {
      expect(session.outputNames).toEqual(['y']);
      expect(session.unheldOutputs).toEqual([{ name: 'z', kind: 'float8e4m3fn' }]);
      const feed = { x: { type: 'float32' as const, dims: [1, 4], data: Float32Array.of(1, 0, 0, 0) } };
      expect((await session.run(feed)).get('y')?.data).toEqual(randomFloats(256, 1).slice(0, 64));
    });
  });

  it('that are texts are compared by equality', async () => {
    const g = gemm();
    g.output('y');
    g.node('ArgMax', ['y'], 'a', { axis: 1, keepdims: 0 });
    const labels = node('LabelEncoder', ['a'], ['label'], {
      keys_int64s: attribute.ints(Array.from({ length: 64 }, (_, i) => i)),
      values_strings: {
        kind: 'strings',
        value: Array.from({ length: 64 }, (_, i) => new TextEncoder().encode(`class ${i}`)),
      },
    });
    g.graph.nodes.push({ ...labels, domain: 'ai.onnx.ml' });
    g.output('label', undefined, 'string');
    const model = g.build();
    model.opsets.set('ai.onnx.ml', 2);
    const { outputs } = await quantize({
      model: fileOf(model),
      recipe: { bits: 2, scheme: 'minmax', allLayers: true, format: 'qdq-int8' },
    });
    const [scores, texts] = outputs;
    // The text is that of the largest score, so both agree on just as many samples.
    expect(texts?.deployed.topOneAgreement).toBe(scores?.deployed.topOneAgreement);
    expect(texts?.deployed.topOneAgreement).toBeLessThan(1);
  });

  it('are refused before anything runs where none can be compared', async () => {
    const g = gemm();
    cast(g, 22, 'int4');
    const run = () => quantize({ model: fileOf(g.build({ opset: 21, irVersion: 10 })) });
    const { code, message } = await refusalOf(run);
    expect([code, message]).toEqual(['no-output-held', expect.stringContaining('"z" (int4)')]);
  });
});

it('counts texts as one-hot vectors: three of four the same', () => {
  const text = (...data: number[]): NdArray => ({
    ...{ type: 'uint32', dims: [4], isText: true, data: Uint32Array.from(data) },
  });
  const meter = new DriftMeter();
  meter.add(text(1, 2, 3, 4), text(1, 2, 3, 9), { size: 4, samples: 4 });
  const { sqnrDb, cosine, topOneAgreement } = meter.drift;
  // 4 ones against an error of 1 at two places.
  expect(sqnrDb).toBeCloseTo(10 * Math.log10(4 / 2), 12);
  expect([cosine, topOneAgreement]).toEqual([0.75, 0.75]);
});

describe('a model that runs on no random input', () => {
  /** Runs where x has 5 rows, which no guess has. */
  function picky(): Model {
    const g = gemm({ x: ['rows', 4], five: [5, 4] });
    g.graph.nodes.length = 0;
    g.node('Concat', ['x', 'x'], 'twice', { axis: 0 });
    g.constant('shape', [2], BigInt64Array.of(10n, 4n));
    g.node('Reshape', ['twice', 'shape'], 'r');
    g.node('MatMul', ['r', 'w'], 'y');
    g.output('y');
    return g.build();
  }

  it('is written with weights in few bits, and no drift is claimed', async () => {
    const result = await quantize({ model: fileOf(picky()), recipe: { bits: 4 } });
    expect([result.outputs, result.timing.speed, result.evaluation.kind]).toEqual([[], null, 'none']);
    expect(result.warnings.join()).toContain('No drift was measured');
    expect(result.plan.layers.filter(({ quantized }) => quantized)).toHaveLength(1);
  });

  it('is written where it takes texts, which are not made up, and refused where samples are given', async () => {
    const g = new GraphBuilder();
    g.input('text', ['n'], 'string');
    const code = node('LabelEncoder', ['text'], ['code'], {
      keys_strings: { kind: 'strings', value: ['a', 'b'].map((word) => new TextEncoder().encode(word)) },
      values_int64s: attribute.ints([0, 1]),
    });
    g.graph.nodes.push({ ...code, domain: 'ai.onnx.ml' });
    g.constant('table', [2, 4], randomFloats(8, 2));
    g.node('Gather', ['table', 'code'], 'x');
    g.constant('w', [4, 64], randomFloats(256, 1));
    g.output(g.node('MatMul', ['x', 'w'], 'y'));
    const model = g.build();
    model.opsets.set('ai.onnx.ml', 2);
    const result = await quantize({ model: fileOf(model) });
    expect(result.evaluation.kind).toBe('none');
    const data = temporaryFile('x.npy', npyBytes('<f4', [1, 4], new Float32Array(4)));
    expect((await refusalOf(() => quantize({ model: fileOf(model), data }))).code).toBe('input-unsupported');
  });

  it('is measured with the shape that is right', async () => {
    const result = await quantize({ model: fileOf(picky()), shapes: { x: [5, 4] } });
    expect(result.evaluation.kind).toBe('synthetic');
  });

  it('is refused where the drift decides', async () => {
    const { code } = await refusalOf(() => quantize({ model: fileOf(picky()), origins: true }));
    expect(code).toBe('synthetic-failed');
  });
});

it('says that there is nothing to quantize before it runs anything', async () => {
  const g = new GraphBuilder();
  g.input('x', ['rows', 4]);
  // No session of this can be made.
  g.node('NoSuchOperator', ['x'], 'y');
  g.output('y');
  expect((await refusalOf(() => quantize({ model: fileOf(g.build()) }))).code).toBe('nothing-to-quantize');
});
