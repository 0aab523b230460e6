import { describe, expect, it } from 'vitest';
import { classAxes } from '../../src/evaluate/class-axes.js';
import { DriftMeter } from '../../src/evaluate/drift.js';
import { GraphBuilder } from '../support/graph-builder.js';

/** A row of floats, a map behind a Softmax, and scores that an ArgMax reads. */
function graph() {
  const g = new GraphBuilder();
  g.input('x', ['n', 4]);
  g.input('m', ['n', 3, 2, 2]);
  g.node('Relu', ['x'], 'embedding');
  g.node('Softmax', ['m'], 'p', { axis: 1 });
  g.node('Identity', ['p'], 'map');
  g.node('Abs', ['x'], 'scores');
  g.node('ArgMax', ['scores'], 'class', { axis: 1 });
  g.output('embedding', ['n', 4]);
  g.output('map', ['n', 3, 2, 2]);
  g.output('scores', ['n', 4]);
  g.output('class', ['n', 1]);
  return g.build().graph;
}

describe('outputs with scores of classes', () => {
  it('are those that the graph says, along its axis', () => {
    expect([...classAxes(graph())]).toEqual([
      ['map', 1],
      ['scores', 1],
    ]);
  });

  it('are those that the user says, one or all', () => {
    expect(classAxes(graph(), { given: { embedding: -1 } }).get('embedding')).toBe(-1);
    expect([...classAxes(graph(), { given: { '': 1 } }).values()]).toEqual([1, 1, 1, 1]);
  });

  it('are the first rows where there are labels, and all where a limit was asked for', () => {
    expect(classAxes(graph(), { hasLabels: true }).get('embedding')).toBe('rows');
    const all = classAxes(graph(), { mayRank: true });
    expect([all.get('embedding'), all.get('map')]).toEqual(['rows', 1]);
  });
});

describe('top-1 along an axis', () => {
  const values = (data: number[]) => ({
    type: 'float32' as const,
    dims: [1, 3, 2],
    data: Float32Array.from(data),
  });

  it.each([
    // Three scores at two places: the second place changes from 2 to 1.
    [1, 1 / 2],
    // Two scores at three places: (1, 9), (5, 2) and (0, 3) against (1, 9), (5, 4) and (0, 2).
    [-1, 1],
    ['rows' as const, null],
    [undefined, null],
  ])('%s: %s', (classAxis, share) => {
    const meter = new DriftMeter({ classAxis, isGrouped: false });
    meter.add(values([1, 1, 5, 2, 0, 3]), values([1, 1, 5, 4, 0, 2]), { size: 1, samples: 1 });
    expect(meter.drift.topOneAgreement).toBe(share);
  });
});
