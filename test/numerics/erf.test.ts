import { expect, it } from 'vitest';
import { erf } from '../../src/numerics/erf.js';

// By scipy.special.erf.
it.each([
  [0, 0],
  [0.1, 0.1124629160182849],
  [-0.5, -0.5204998778130465],
  [1, 0.8427007929497149],
  [-2.3, -0.9988568234026434],
  [6, 1],
])('erf(%d)', (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThan(1.6e-7);
});
