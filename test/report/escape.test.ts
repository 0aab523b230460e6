import { describe, expect, it, test } from 'vitest';
import {
  escapeCommandData,
  escapeCommandProperty,
  escapeControls,
  escapeMarkdown,
  escapeMarkup,
  markdownCode,
} from '../../src/report/escape.js';

test('every control character is shown: a line feed would forge a line', () => {
  expect(escapeControls('a\nb\tc\u0000\u009b')).toBe('a\\u000ab\\u0009c\\u0000\\u009b');
});

test('markup: entities, and no character that XML does not have', () => {
  expect(escapeMarkup(`<a href="x" b='y'>&amp;`)).toBe('&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;');
  expect(escapeMarkup('a\u0001b\ud800c\uffff😀')).toBe('a\\u0001b\ufffdc\ufffd😀');
});

describe('Markdown', () => {
  it('no emphasis, link, HTML, code or cell', () => {
    expect(escapeMarkdown('*a* _b_ [c](d) <e> `f` |g| ~h~ $i$ &amp; \\*')).toBe(
      '\\*a\\* \\_b\\_ \\[c\\](d) \\<e\\> \\`f\\` \\|g\\| \\~h\\~ \\$i\\$ \\&amp; \\\\\\*',
    );
  });

  it('no mention, no reference, no address', () => {
    expect(escapeMarkdown('@octocat #12 https://x.org www.x.org')).toBe(
      '@<!-- -->octocat \\#<!-- -->12 https:<!-- -->//x.org www.<!-- -->x.org',
    );
  });

  it('code that holds backticks and bars', () => {
    expect(markdownCode('plain')).toBe('`plain`');
    expect(markdownCode('a`b``c')).toBe('```a`b``c```');
    expect(markdownCode('`a`')).toBe('`` `a` ``');
    expect(markdownCode('a|b')).toBe('`a\\|b`');
    expect(markdownCode('a\nb')).toBe('`a\\u000ab`');
  });
});

// The rules of @actions/core's command.ts: data escapes %, CR and LF; properties : and , too.
test('workflow commands', () => {
  expect(escapeCommandData('50% of\r\na:b,c')).toBe('50%25 of%0D%0Aa:b,c');
  expect(escapeCommandProperty('50% of\r\na:b,c')).toBe('50%25 of%0D%0Aa%3Ab%2Cc');
  expect(escapeCommandData('%0A')).toBe('%250A');
});
