import { describe, expect, it } from 'vitest';
import { mutated, mutationsOf } from '../../../tools/mutate/mutations.js';

const changesOf = (code: string): string[] => mutationsOf(code).map((mutation) => mutated(code, mutation));

describe('the changes of a program', () => {
  it('are of one operator, condition, number or call each', () => {
    expect(changesOf('f(a + 1);')).toEqual(['f(a - 1);', 'f(a + (1 + 1));']);
    expect(changesOf('if (a) b();')).toEqual(['if (false) b();', 'if (true) b();']);
    expect(changesOf('x = a ? b : c;')).toEqual(['x = (b);', 'x = (c);']);
    expect(changesOf('a.filter(b).some(c);')).toEqual(['a.some(c);', 'a.filter(b).every(c);']);
    expect(changesOf('Math.fround(a);')).toEqual(['(a);']);
  });

  it('leave out texts, what is thrown, and undefined as it is compiled', () => {
    expect(changesOf('f("a" + b);')).toEqual([]);
    expect(changesOf('throw new Error(a + b);')).toEqual([]);
    expect(changesOf('f(void 0);')).toEqual([]);
  });
});
