import { expect, test } from 'vitest';
import { readClassNames } from '../../src/report/class-names.js';
import { temporaryFile } from '../support/temporary-file.js';

test('a line each, or JSON, a list or an object by number', async () => {
  expect(await readClassNames(temporaryFile('a.txt', '\ufeffcat\r\ndog \n\nbird\n\n'))).toEqual([
    ...['cat', 'dog', '', 'bird'],
  ]);
  expect(await readClassNames(temporaryFile('a.json', '["cat","dog"]'))).toEqual(['cat', 'dog']);
  expect(await readClassNames(temporaryFile('b.json', '{"2":"dog","0":"cat"}'))).toEqual(['cat', '', 'dog']);
});

test.each([
  ['a.json', '[1]'],
  ['a.json', '{"x":"cat"}'],
  ['a.json', '{"999999999":"cat"}'],
  ['a.json', '{'],
  ['a.txt', '\n\n'],
])('%s with %s is refused', async (name, text) => {
  await expect(readClassNames(temporaryFile(name, text))).rejects.toMatchObject({ code: 'bad-option' });
});
