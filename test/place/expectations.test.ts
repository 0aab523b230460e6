import { describe, expect, it } from 'vitest';
import { EXPECTATION } from '../../src/place/expectations.js';
import { place, placeWidest } from '../../src/place/place.js';
import { observableValues } from '../../src/place/placement.js';
import { completeRecipe, type Recipe } from '../../src/recipe.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';

/** A box head as YOLOv8 has it: Conv `head` [1, 4·16, 49] → Reshape → Transpose → Softmax → Conv `dfl` of 16 numbers → Reshape. */
function box({ softmax = 'Softmax', outputs = 1, kernel = 1, axis = 1 } = {}) {
  const g = new GraphBuilder();
  g.input('x', [1, 3, 7, 7]);
  g.constant('w', [64, 3, 1, 1], randomFloats(192, 1));
  g.node('Conv', ['x', 'w'], 'head');
  g.constant('apart', [4], [1, 4, 16, 49]);
  g.node('Reshape', ['head', 'apart'], 'sides');
  g.node('Transpose', ['sides'], 'bins', { perm: [0, 2, 1, 3] });
  g.node(softmax, ['bins'], 'shares', softmax === 'Softmax' ? { axis } : {});
  const numbers = Float32Array.from({ length: outputs * 16 * kernel * kernel }, (_, i) => i % 16);
  g.constant('numbers', [outputs, 16, kernel, kernel], numbers);
  g.node('Conv', ['shares', 'numbers'], 'dfl');
  g.output('dfl');
  return g.build();
}

/** Places of a heat map, as a MatMul [49, n] takes them. */
function heatMap(outputs: number) {
  const g = new GraphBuilder();
  g.input('x', [1, 3, 7, 7]);
  g.constant('w', [8, 3, 1, 1], randomFloats(24, 1));
  g.node('Conv', ['x', 'w'], 'head');
  g.constant('flat', [3], [1, 8, 49]);
  g.node('Softmax', [g.node('Reshape', ['head', 'flat'], 'list')], 'shares', { axis: -1 });
  g.constant('places', [49, outputs], randomFloats(49 * outputs, 2));
  g.output(g.node('MatMul', ['shares', 'places'], 'at'));
  return g.build();
}

const placed = (model: ReturnType<typeof box>, recipe: Partial<Recipe> = {}) =>
  place(model, completeRecipe(recipe), 'm.onnx');
const layers = (model: ReturnType<typeof box>, recipe: Partial<Recipe> = {}) =>
  placed(model, recipe).weighted.map(({ node }) => node.id);

describe('an expectation of a Softmax', () => {
  it.each<[string, Partial<Recipe>]>([
    ['with fixed ranges', {}],
    ['with dynamic ones', { activations: { kind: 'dynamic' } }],
    ['with weights alone', { activations: { kind: 'float' } }],
  ])('stays float, its numbers too, %s', (_, recipe) => {
    expect(layers(box(), recipe)).toEqual(['head']);
    expect(placed(box(), recipe).roles.get('dfl')).toEqual({ kind: 'float', reason: EXPECTATION });
  });

  it('is taken as a layer where a rule asks for it', () => {
    expect(layers(box(), { rules: [{ pattern: 'dfl', actBits: 8 }] })).toEqual(['head', 'dfl']);
    expect(layers(box(), { rules: [{ pattern: 'dfl', actBits: 'float' }] })).toEqual(['head']);
  });

  it('is observed, so that statistics serve such a rule', () => {
    expect(observableValues(box().graph, placeWidest(box(), 'm.onnx'))).toContain('shares');
  });

  it('leaves the layers before it the last ones', () => {
    const [head] = placed(box()).weighted;
    expect(head?.position).toBe('only');
    const [behind] = placed(box({ softmax: 'Relu' })).weighted;
    expect(behind?.position).toBe('first');
  });

  it('of places in space has up to three outputs', () => {
    expect(layers(heatMap(2))).toEqual(['head']);
    expect(layers(heatMap(3))).toEqual(['head']);
    expect(layers(heatMap(4))).toEqual(['head', 'at']);
  });

  it('is none behind another function, with more outputs, or with neighbours', () => {
    expect(layers(box({ softmax: 'Relu' }))).toEqual(['head', 'dfl']);
    expect(layers(box({ outputs: 4 }))).toEqual(['head', 'dfl']);
    expect(layers(box({ kernel: 3 }))).toEqual(['head', 'dfl']);
  });
});
