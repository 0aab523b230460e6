import { describe, expect, it } from 'vitest';
import { flatOf } from '../../src/graph/flat.js';
import { behindAll, influencesOf } from '../../src/graph/influences.js';
import { GraphBuilder } from '../support/graph-builder.js';

const bodyOf = (g: GraphBuilder) => ({ kind: 'graph', value: g.graph }) as const;

/** The values that decide how large each is, of a graph that is built so. */
function influences(build: (g: GraphBuilder) => void): Record<string, readonly string[]> {
  const g = new GraphBuilder();
  build(g);
  return Object.fromEntries(influencesOf(flatOf(g.build().graph).graph));
}

describe('what decides how large a value is', () => {
  it('is what its maker reads, but no shape, no target of a move, and nothing that is normalized', () => {
    const found = influences((g) => {
      g.input('x', ['n', 4]);
      g.input('scale', [4]);
      g.node('Mul', ['x', 'scale'], 'product');
      g.node('Shape', ['x'], 'shape');
      g.node('ConstantOfShape', ['shape'], 'zeros');
      g.node('Reshape', ['product', 'shape'], 'moved');
      g.node('LayerNormalization', ['moved', 'scale'], 'normal');
      g.node('Split', ['normal'], ['left', 'right']);
    });
    expect(found).toEqual({
      product: ['x', 'scale'],
      shape: [],
      zeros: [],
      moved: ['product'],
      normal: ['scale'],
      left: ['normal'],
      right: ['normal'],
    });
  });

  it('is of an If what each branch gives; where all give one value, that value', () => {
    const branch = (build: (g: GraphBuilder) => readonly string[]) => {
      const g = new GraphBuilder();
      for (const result of build(g)) g.output(result);
      return bodyOf(g);
    };
    const found = influences((g) => {
      g.input('x', [4]);
      g.input('c', [], 'bool');
      g.node('If', ['c'], ['y', 'same', 'again'], {
        then_branch: branch((t) => [t.node('Neg', ['x'], 'ty'), t.node('Identity', ['x'], 'ts'), 'ty']),
        else_branch: branch((e) => {
          const moved = e.node('Flatten', ['x'], 'flat');
          return [e.node('Exp', ['x'], 'ey'), e.node('Transpose', [moved], 'es'), 'es'];
        }),
      });
      g.node('Squeeze', ['same'], 'last');
    });
    expect(found).toMatchObject({ y: ['ty', 'ey'], same: ['x'], again: ['ty', 'es'], last: ['same'] });
    expect(found).toMatchObject({ ty: ['x'], ey: ['x'], flat: ['x'], es: ['flat'] });
  });

  it('goes round in a Loop, but for what it leaves as it is', () => {
    const found = influences((g) => {
      g.input('x', [4]);
      g.input('kept', [4]);
      g.input('n', [], 'int64');
      const body = new GraphBuilder();
      body.input('i', [], 'int64');
      body.input('on', [], 'bool');
      body.input('s', [4]);
      body.input('k', [4]);
      body.node('Identity', ['on'], 'on_out');
      body.node('Mul', ['s', 'k'], 's_out');
      body.node('Identity', ['k'], 'k_out');
      body.node('Neg', ['s'], 'step');
      for (const name of ['on_out', 's_out', 'k_out', 'step']) body.output(name);
      g.node('Loop', ['n', '', 'x', 'kept'], ['y', 'same', 'steps'], { body: bodyOf(body) });
    });
    expect(found).toMatchObject({
      s: ['x', 's_out', 'n', 'on_out'],
      y: ['x', 's_out', 'n', 'on_out'],
      k: ['kept'],
      same: ['kept'],
      steps: ['step', 'n', 'on_out'],
    });
  });

  it('goes round in a Scan', () => {
    const found = influences((g) => {
      g.input('x', [4]);
      g.input('all', [3, 4]);
      const body = new GraphBuilder();
      body.input('s', [4]);
      body.input('part', [4]);
      body.node('Add', ['s', 'part'], 's_out');
      body.node('Neg', ['part'], 'step');
      for (const name of ['s_out', 'step']) body.output(name);
      g.node('Scan', ['x', 'all'], ['y', 'steps'], { body: bodyOf(body), num_scan_inputs: 1 });
    });
    expect(found).toMatchObject({ s: ['x', 's_out'], part: ['all'], y: ['x', 's_out'], steps: ['step'] });
  });

  it('is followed over whatever lies between', () => {
    const map = new Map([
      ['c', ['b']],
      ['b', ['a', 'c']],
      ['d', ['c']],
    ]);
    expect([...behindAll(map, ['c'])].sort()).toEqual(['a', 'b', 'c']);
  });
});
