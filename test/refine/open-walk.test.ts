import { expect, it } from 'vitest';
import { samplesOfWalk } from '../../src/refine/open-walk.js';

const shapes = (...each: number[][]) => new Map(each.map((dims, i) => [`y${i}`, dims]));

it('a walk goes over as many samples as 384 MiB hold, four of the largest result each', () => {
  const most = samplesOfWalk(32);
  // 2 MiB of float32, four times: 8 MiB a sample.
  expect(most({ samples: 0 }, shapes([1, 8], [1, 512, 32, 32]))).toBe(48);
  expect(most({ samples: 0 }, shapes([1, 512, 128, 128]))).toBe(32);
  expect(most({ samples: 5 }, shapes([1, 512, 32, 32]))).toBe(5);
});
