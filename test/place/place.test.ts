import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { place, refuseEmpty } from '../../src/place/place.js';
import { observableValues, observedValues, type Placement } from '../../src/place/placement.js';
import { completeRecipe, type GivenRecipe, type Rule } from '../../src/recipe.js';
import { between, finish, Net } from '../support/nets.js';
import { roleOf } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';

const placed = (model: Model, recipe: GivenRecipe = {}) => place(model, completeRecipe(recipe), 'model.onnx');

/** stem → trunk → two heads; and a lone branch that meets the trunk behind its Conv. */
function heads(): Model {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.input('z', [1, 4, 8, 8]);
  net.conv('x', 'stem');
  net.conv(net.node('Relu', ['stem'], 'r'), 'trunk');
  net.node('Add', ['trunk', net.conv('z', 'branch')], 'sum');
  net.conv('sum', 'boxes');
  net.output('boxes');
  net.gemm(net.node('Flatten', [net.node('GlobalAveragePool', ['sum'], 'pooled')], 'flat'), 'classes', 4, 3);
  return finish(net, 'classes');
}

describe('positions', () => {
  const positions = (model: Model) =>
    Object.fromEntries(placed(model).weighted.map(({ node, position }) => [node.id, position]));

  it('on a graph of two stems and two heads', () => {
    expect(positions(heads())).toEqual({
      stem: 'first',
      trunk: 'inner',
      branch: 'first',
      boxes: 'last',
      classes: 'last',
    });
  });

  it('of the only layer, and of two side by side', () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.node('Add', [net.conv('x', 'a'), net.conv('x', 'b')], 'y');
    expect(positions(finish(net, 'y'))).toEqual({ a: 'only', b: 'only' });
  });

  it('counts layers that stay float', () => {
    const { weighted } = placed(heads(), { exclude: ['stem', 'boxes'] });
    const found = weighted.map(({ node, position }) => `${node.id} ${position}`);
    expect(found).toEqual(['trunk inner', 'branch first', 'classes last']);
  });
});

describe('operators without a weight', () => {
  const roleIn = (recipe: GivenRecipe, id: string) => placed(heads(), recipe).roles.get(id);

  it('stay float by an exclusion, and by a rule', () => {
    expect(roleIn({}, 'sum')?.kind).toBe('arithmetic');
    for (const recipe of [{ exclude: ['sum'] }, { rules: [{ pattern: 'sum', actBits: 'float' as const }] }])
      expect(roleIn(recipe, 'sum')?.kind).toBe('float');
  });

  it('are as their layers where --include names layers alone, and the listed ones where it names some', () => {
    const include = ['stem', 'trunk', 'branch', 'boxes', 'classes'];
    expect(roleIn({ include }, 'sum')?.kind).toBe('arithmetic');
    const listed = { include: [...include, 'sum'] };
    expect(roleIn(listed, 'sum')?.kind).toBe('arithmetic');
    expect(roleIn(listed, 'pooled')).toEqual({ kind: 'float', reason: 'no --include names it' });
  });
});

describe('widths', () => {
  const widths = (recipe: GivenRecipe) => {
    const { weighted, values } = placed(heads(), recipe);
    return {
      weights: Object.fromEntries(weighted.map(({ node, recipe: { bits } }) => [node.id, bits])),
      values: Object.fromEntries(
        [...values.values()].map(({ name, bits, layerBits }) => [
          name,
          layerBits === undefined ? bits : [bits, layerBits],
        ]),
      ),
    };
  };

  it('first and last layers and their inputs stay at 8 bits; what only passes through an Add does too', () => {
    expect(widths({ bits: 4, activations: { bits: 4 } })).toEqual({
      weights: { stem: 8, trunk: 4, branch: 8, boxes: 8, classes: 8 },
      values: { x: 8, z: 8, r: 4, trunk: 8, branch: 8, sum: 8, boxes: 8, pooled: 8, flat: 8 },
    });
  });

  it('of every layer with allLayers: inputs of layers, whatever makes them', () => {
    expect(widths({ bits: 3, allLayers: true, activations: { bits: 5 } })).toEqual({
      weights: { stem: 3, trunk: 3, branch: 3, boxes: 3, classes: 3 },
      values: { x: 5, z: 5, r: 5, trunk: 8, branch: 8, sum: [8, 5], boxes: 8, pooled: 5, flat: 5 },
    });
  });

  it('a rule goes before the place of a layer, and the last of two wins', () => {
    const rules = [
      { pattern: 's*', bits: 2, actBits: 3 },
      { pattern: '*', bits: 5 },
      { pattern: 'boxes', actBits: 6 },
    ];
    expect(widths({ rules })).toEqual({
      weights: { stem: 5, trunk: 5, branch: 5, boxes: 5, classes: 5 },
      // What two layers read with other widths gets the wider one; of layers, boxes alone reads "sum", and a pool at 8.
      values: { x: 3, z: 8, r: 8, trunk: 8, branch: 8, sum: [8, 6], boxes: 8, pooled: 8, flat: 8 },
    });
  });

  it('readers that disagree get the wider codes', () => {
    const model = between((net, v) => net.node('Add', [net.conv(v, 'a'), net.conv(v, 'b')], 'o'));
    for (const [a, b] of [
      [3, 5],
      [5, 3],
    ] as const) {
      const rules = [
        { pattern: 'a', actBits: a },
        { pattern: 'b', actBits: b },
      ];
      expect(placed(model, { rules }).values.get('before')?.bits).toBe(5);
    }
  });
});

describe('a value that integers make and a layer reads in narrower codes', () => {
  const narrow = { pattern: 'c', actBits: 4 };

  it.each<[string, (net: Net, v: string) => string, Rule[]]>([
    ['a float operator', (net, v) => net.node('Tanh', [v], 't'), [narrow]],
    ['a layer on floats', (net, v) => net.conv(v, 'd'), [narrow, { pattern: 'd', actBits: 'float' }]],
  ])('keeps 8 bits where %s reads it, too', (_, other, rules) => {
    const model = between((net, v) => {
      net.output(other(net, v));
      return net.conv(v, 'c');
    });
    expect(placed(model, { rules }).values.get('before')).toMatchObject({ bits: 8, layerBits: 4 });
    const alone = between((net, v) => net.conv(v, 'c'));
    expect(placed(alone, { rules: [narrow] }).values.get('before')).toMatchObject({
      bits: 4,
      layerBits: undefined,
    });
  });
});

describe('a table that is looked up', () => {
  const looked = (dims: number[], axis: number) => {
    const net = new Net();
    net.input('ids', [3], 'int64');
    net.node('Gather', [net.random('table', dims), 'ids'], 'g', { axis });
    return placed(finish(net, net.matMul('g', 'y', dims.at(-1) ?? 1, 4)));
  };

  it('is made float row by row where rows of a matrix are wanted, and as a whole otherwise', () => {
    const runs = (placement: Placement) => placement.weighted.map((each) => each.runs);
    expect(runs(looked([9, 8], 0))[0]).toMatchObject({ stored: 'rows' });
    expect(runs(looked([9, 8], 1))[0]).toMatchObject({ stored: 'constant' });
    expect(runs(looked([9, 2, 8], 0))[0]).toMatchObject({ stored: 'constant' });
  });
});

describe('which values are quantized', () => {
  it('what moves codes has the parameters of its source, which alone is observed', () => {
    const placement = placed(heads());
    expect(placement.values.get('flat')?.root).toBe('pooled');
    expect(observedValues(placement)).toEqual(['x', 'z', 'r', 'trunk', 'branch', 'sum', 'boxes', 'pooled']);
  });

  it('knows which of them floats make', () => {
    const model = between((net, v) => net.node('Tanh', [v], 't'));
    const { values } = placed(model);
    const made = [...values.values()].map(({ name, madeByInteger }) => [name, madeByInteger]);
    expect(made).toEqual([
      ['x', false],
      ['before', true],
      ['t', false],
      ['y', true],
    ]);
  });

  it('an Add of a layer to its own input, which floats make, is integer; one of another float is not', () => {
    const added = (other: string) => {
      const net = new Net();
      net.input('x', [1, 4, 8, 8]);
      net.input('z', [1, 4, 8, 8]);
      net.node('Add', [net.conv('x', 'a'), other], 'sum');
      net.conv('sum', 'y');
      return roleOf(placed(finish(net, 'y')), 'sum').kind;
    };
    expect([added('x'), added('z')]).toEqual(['arithmetic', 'float']);
  });

  it('the results of layers are behind their bias and their clamp', () => {
    const net = new Net();
    net.input('x', [2, 8]);
    net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', [8])], 's');
    net.gemm(net.node('Relu', ['s'], 'r'), 'y', 8, 3);
    const { weighted } = placed(finish(net, 'y'));
    expect(weighted.map(({ node, result }) => [node.id, result])).toEqual([
      ['m', 'r'],
      ['y', 'y'],
    ]);
  });

  it('an Add is a bias only where it adds a row of the right length to a product that nothing else reads', () => {
    const kindOf = (dims: number[], read: boolean) => {
      const net = new Net();
      net.input('x', [2, 8]);
      net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', dims)], 's');
      if (read) net.output('m');
      net.gemm('s', 'y', 8, 3);
      return roleOf(placed(finish(net, 'y')), 's').kind;
    };
    expect(kindOf([8], false)).toBe('bias');
    expect(kindOf([1], false)).toBe('arithmetic');
    expect(kindOf([2, 8], false)).toBe('arithmetic');
    expect(kindOf([8], true)).toBe('arithmetic');
  });

  it('weights only: layers are stored, and no value is quantized', () => {
    const placement = placed(heads(), { bits: 4, activations: { kind: 'float' } });
    expect(placement.values.size).toBe(0);
    const how = placement.weighted.map(({ runs }) => runs.kind === 'float' && runs.stored);
    expect(how).toEqual(Array(5).fill('constant'));
  });
});

describe('an operator that is no layer', () => {
  it('stays in float where --exclude names it, and what follows reads floats', () => {
    const excluded = placed(heads(), { exclude: ['r'] });
    expect(excluded.roles.get('r')).toEqual({ kind: 'float', reason: '--exclude "r"' });
    expect(placed(heads()).roles.get('r')?.kind).not.toBe('float');
    expect(excluded.weighted).toHaveLength(placed(heads()).weighted.length);
  });
});

describe('a part that is taken out of a Concat', () => {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.node('Concat', [net.conv('x', 'a'), net.conv('x', 'b')], 'joined', { axis: 1 });
  net.constant('start', [1], BigInt64Array.of(4n));
  net.constant('end', [1], BigInt64Array.of(8n));
  net.constant('axes', [1], BigInt64Array.of(1n));
  net.node('Slice', ['joined', 'start', 'end', 'axes'], 'part');
  net.conv('part', 'c');
  const model = finish(net, 'c');

  it('is of its scale, and of its own where the Concat stays float', () => {
    expect(placed(model).values.get('part')?.root).toBe('joined');
    const apart = placed(model, { exclude: ['joined'] });
    expect(apart.values.get('part')?.root).toBe('part');
    expect(apart.values.has('joined')).toBe(false);
  });

  it('is observed, for recipes that have it so', () => {
    expect(observableValues(model.graph, placed(model))).toContain('part');
  });
});

describe('what is refused', () => {
  it.each([
    [{ rules: [{ pattern: 'conv*', bits: 4 }] }, '--rule', 'conv*'],
    [{ exclude: ['trunk', 'nothing'] }, '--exclude', 'nothing'],
    [{ include: ['Trunk'] }, '--include', 'Trunk'],
    [{ exclude: [''] }, '--exclude', ''],
  ])('a pattern that names no layer: %j', async (recipe, flag, pattern) => {
    const error = await expectRefusal(() => placed(heads(), recipe), 'rule-matches-nothing', 2);
    expect(error.facts).toEqual({ flag, pattern, path: 'model.onnx' });
  });

  it('a rule of bits for an operator that has no weight', async () => {
    const recipe = { rules: [{ pattern: 'r', bits: 4 }] };
    const error = await expectRefusal(() => placed(heads(), recipe), 'rule-without-weight', 2);
    expect(error.facts).toEqual({ pattern: 'r' });
  });

  it('a pattern may name a node, or a layer that cannot be quantized', () => {
    const net = new Net();
    net.input('x', [2, 8]);
    net.random('w', [8, 8]);
    net.node('MatMul', ['x', 'w'], 'y', {}, 'the layer');
    net.node('MatMul', ['y', 'x'], 'z');
    const model = finish(net, 'z');
    expect(placed(model, { exclude: ['the *', 'z'] }).weighted).toEqual([]);
  });

  it('a placement without a layer, with the reason of the first', async () => {
    const kept = () => refuseEmpty(heads(), placed(heads(), { exclude: ['*'] }), 'model.onnx');
    const error = await expectRefusal(kept, 'nothing-to-quantize', 2);
    expect(error.facts.reason).toBe('of Conv "stem", --exclude "*"');
    const net = new Net();
    net.input('x', [2]);
    const empty = finish(net, net.node('Relu', ['x'], 'y'));
    const none = () => refuseEmpty(empty, placed(empty), 'model.onnx');
    expect((await expectRefusal(none, 'nothing-to-quantize', 2)).facts.reason).toBe(
      'it has no Conv, Gemm or MatMul',
    );
    expect(() => refuseEmpty(heads(), placed(heads()), 'model.onnx')).not.toThrow();
    // What stays float may become smaller by itself.
    const halved = placed(heads(), { exclude: ['*'], float16: true });
    expect(() => refuseEmpty(heads(), halved, 'model.onnx', { float16: true })).not.toThrow();
  });
});
