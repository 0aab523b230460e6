import { describe, expect, it } from 'vitest';
import { observers } from '../../../calibration/observers/observers.js';
import { rangeSources } from '../../../calibration/range-sources/range-sources.js';

describe('range sources', () => {
  it('are every observer, and two that are none', () => {
    const others = rangeSources.filter(({ from }) => from !== 'statistics');
    expect(others.map(({ name, from, observer }) => [name, from, observer.name])).toEqual([
      ['dfq', 'batch-norm', 'minmax'],
      ['auto', 'held-out', 'mse'],
    ]);
    const observed = rangeSources.filter(({ from }) => from === 'statistics');
    expect(observed.map(({ observer }) => observer)).toEqual([...observers]);
    expect(observed.every(({ name, observer }) => name === observer.name)).toBe(true);
  });

  it('have names of their own', () => {
    const names = rangeSources.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
