import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeModel } from '../../src/proto/encode.js';
import { calibrate } from '../../src/run/calibrate.js';
import { compare } from '../../src/run/compare.js';
import { quantize } from '../../src/run/quantize.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/**
 * x [1, 2, 6, 6] → Conv → BatchNormalization → y, every constant listed as an input, as models of IR 3 must: folding takes
 * the normalization's away.
 */
function oldModel(folder: string): string {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 6, 6]);
  const constant = (name: string, dims: readonly number[], values: ArrayLike<number>) => {
    g.input(name, dims);
    g.constant(name, dims, values);
  };
  constant('w', [4, 2, 3, 3], randomFloats(72, 1));
  for (const name of ['gamma', 'beta', 'mean']) constant(name, [4], randomFloats(4, 2));
  constant('variance', [4], Float32Array.of(1, 2, 0.5, 1));
  g.node('BatchNormalization', [g.node('Conv', ['x', 'w'], 'c'), 'gamma', 'beta', 'mean', 'variance'], 'y');
  g.output('y');
  const path = join(folder, 'old.onnx');
  writeFileSync(path, encodeModel(g.build({ opset: 9, irVersion: 3 })));
  return path;
}

test('samples of the one input that is fed serve a model that lists its constants, too', async () => {
  const folder = temporaryFolder();
  const model = oldModel(folder);
  const data = join(folder, 'x.npy');
  writeFileSync(data, npyBytes('<f4', [8, 2, 6, 6], randomFloats(576, 5)));
  const output = join(folder, 'q.onnx');
  const result = await quantize({ model, data, output });
  expect(result.evaluation).toMatchObject({ samples: 8, kind: 'calibration' });
  expect(result.outputs[0]?.deployed.sqnrDb).toBeGreaterThan(30);
  expect((await calibrate({ model, data })).samples).toBe(8);
  expect((await compare({ float: model, quantized: output, data })).evaluation.samples).toBe(8);
});
