import { describe, expect, it } from 'vitest';
import { parseRule } from '../../src/recipe/rule.js';
import { registries } from '../../src/registries.js';
import { codeOf } from '../support/random-data.js';

describe('parseRule', () => {
  it('reads every setting', () => {
    expect(parseRule('layer3*:bits=4,act-bits=6,scheme=log,granularity=tensor,group=16', registries)).toEqual(
      {
        pattern: 'layer3*',
        bits: 4,
        actBits: 6,
        scheme: 'log',
        granularity: 'tensor',
        group: 16,
      },
    );
    expect(parseRule('a:group=tensor', registries).group).toBe('tensor');
    expect(parseRule('a:group=channel', registries).group).toBe('channel');
  });

  it.each([
    ['model/conv:0:bits=4', 'model/conv:0'],
    ['a=b,c:bits=4', 'a=b,c'],
    ['!x[0]:bits=4', '!x[0]'],
    [' x :bits = 4', ' x '],
  ])('takes the pattern of %j whole', (text, pattern) => {
    expect(parseRule(text, registries)).toEqual({ pattern, bits: 4 });
  });

  it.each([
    'conv',
    ':bits=4',
    'conv:',
    'conv:0',
    'conv:bits',
    'conv:bits=',
    'conv:bits=4=5',
    'conv:bits=four',
    'conv:bits=-1',
    'conv:bit=4',
    'conv:scheme=max',
    'conv:granularity=row',
    'conv:group=row',
    'conv:group=0',
    'conv:group=1.5',
    'conv:bits=4,',
    'conv:constructor=1',
  ])('refuses %j', async (text) => {
    expect(await codeOf(() => parseRule(text, registries))).toBe('bad-option');
  });
});
