import { describe, expect, it } from 'vitest';
import { palettes, style } from '../../../src/report/html/style.js';

/** Relative luminance of #rrggbb, WCAG 2.2. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

it('contrast is as WCAG computes it', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 10);
  // The greyest text that passes on white.
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2);
});

describe.each(Object.entries(palettes))('%s', (_, palette) => {
  it.each(['text', 'muted', 'accent', 'good', 'caution', 'bad'] as const)('%s can be read', (role) => {
    for (const ground of [palette.page, palette.surface]) {
      expect(contrast(palette[role], ground)).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('bars and levels can be seen, one on the other too', () => {
    expect(contrast(palette.bar, palette.surface)).toBeGreaterThanOrEqual(3);
    expect(contrast(palette.accent, palette.bar)).toBeGreaterThanOrEqual(1.5);
  });
});

it('every colour of the style sheet is one of the palettes', () => {
  const named = Object.values(palettes).flatMap((palette) => Object.values({ ...palette }));
  const used = style.match(/#[0-9a-f]{3,8}\b/gi) ?? [];
  expect(used.filter((colour) => !named.includes(colour))).toEqual([]);
});
