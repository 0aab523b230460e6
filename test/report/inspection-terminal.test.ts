import { expect, test } from 'vitest';
import { defaultRecipe } from '../../src/recipe.js';
import { renderInspection } from '../../src/report/inspection-terminal.js';

const layer = (id: string, reason: string | null) => ({
  ...{
    id,
    name: null,
    opType: 'Conv',
    position: 'inner' as const,
    inside: null,
    weight: 'w',
    dims: [64, 64, 3, 3],
  },
  quantized: null,
  reason,
});

test('a plan of long names and long reasons keeps to 120 columns, and its names are patterns', () => {
  const long = `/first/${'deep/'.repeat(40)}Conv_output_0`;
  const other = `/second/${'deep/'.repeat(40)}Conv_output_0`;
  const text = renderInspection({
    model: 'm.onnx',
    recipe: defaultRecipe,
    inputs: [{ name: 'x', dataType: 'float32', shape: [1, 3, 8, 8] }],
    outputs: [{ name: 'y', dataType: 'float32', shape: [1, 8] }],
    fold: [],
    plan: {
      layers: [layer(long, 'its weight is not constant, '.repeat(6).trim()), layer('short', 'why')],
      activations: [{ name: long, bits: 8, parametersOf: other }],
      float: [{ id: other, opType: 'Gelu', reason: 'onnxruntime has no integer kernel for it' }],
    },
  });
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  expect(text).toContain(`\n${long.slice(0, 36)}*  Conv`);
  expect(text).toContain(`\n${other.slice(0, 36)}*  Gelu`);
  expect(text.match(/constant,/g)).toHaveLength(6);
});
