import { describe, expect, it } from 'vitest';
import { pairedDifference } from '../../src/evaluate/paired-difference.js';

describe("Tango's score interval", () => {
  // The closed form of Yang, Sun & Hardin (2013), a polynomial of degree 4 whose outer roots numpy found, and the
  // likelihood maximized by scipy, which agree to 7 digits. The second row is the airway data of Bentur et al. (2009) in
  // Fagerland, Lydersen & Laake (2014), where it reads −0.517 to −0.026.
  it.each([
    [40, 20, 160, 0.03086453, 0.21806424],
    [1, 7, 21, -0.51723228, -0.02600303],
    [6, 16, 161, -0.12402343, -0.0054334],
    [30, 20, 5000, -0.00080171, 0.0049402],
    [121, 47, 5000, 0.00983946, 0.02006064],
    [5, 0, 20, 0.04859355, 0.46870088],
    [0, 0, 100, -0.0369935, 0.0369935],
  ])('of %i lost and %i gained of %i', (lost, gained, samples, low, high) => {
    const found = pairedDifference(lost, gained, samples);
    expect(found.drop).toBe((lost - gained) / samples);
    expect(found.low).toBeCloseTo(low, 7);
    expect(found.high).toBeCloseTo(high, 7);
    expect(found.isSignificant).toBe(low > 0 || high < 0);
  });

  it('tells 0.2 points of 5,000 samples from noise where few samples changed, and only there', () => {
    expect(pairedDifference(10, 0, 5000).isSignificant).toBe(true);
    expect(pairedDifference(110, 100, 5000).isSignificant).toBe(false);
  });

  it('turns around with the models, and holds the drop', () => {
    for (const [lost, gained, samples] of [
      [3, 9, 40],
      [0, 7, 7],
      [250, 1, 4000],
    ] as const) {
      const [one, other] = [pairedDifference(lost, gained, samples), pairedDifference(gained, lost, samples)];
      expect(one.low).toBeCloseTo(-other.high, 12);
      expect(one.high).toBeCloseTo(-other.low, 12);
      expect(one.low).toBeLessThanOrEqual(one.drop);
      expect(one.high).toBeGreaterThanOrEqual(one.drop);
    }
  });
});
