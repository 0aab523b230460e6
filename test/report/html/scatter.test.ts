import { describe, expect, it } from 'vitest';
import { placeNames } from '../../../src/report/html/scatter.js';

const frame = { left: 0, right: 200, top: 0, bottom: 100 };
const point = (left: number, top: number, name?: string) => ({ left, top, name });

describe('names beside points', () => {
  it('stand to the right, or to the left where the frame ends', () => {
    const placed = placeNames([point(20, 50, 'abc'), point(190, 20, 'abc')], frame, 5);
    expect(placed.map(({ at, dx, dy, anchor }) => [at, dx, dy, anchor])).toEqual([
      [0, 10, 0, 'start'],
      [1, -10, 0, 'end'],
    ]);
  });

  it('cover no point and no other name, and are left out where there is no room', () => {
    // The second point stands where the first name would.
    const [first] = placeNames([point(50, 50, 'abcd'), point(70, 50)], frame, 5);
    expect([first?.dx, first?.dy]).toEqual([-10, 0]);
    const crowd = Array.from({ length: 30 }, (_, i) => point(100 + i / 10, 50, 'a long name of a point'));
    expect(placeNames(crowd, frame, 5).length).toBeLessThan(10);
  });
});
