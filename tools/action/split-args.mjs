// Prints the words of the variable ARGS, each ended by a zero byte: split as a shell splits them, with its quotes and
// backslashes, and nothing expanded or run.

const text = process.env.ARGS ?? '';
const words = [];
let word;
let quote = '';
for (let i = 0; i < text.length; i++) {
  const at = text[i];
  const next = text[i + 1];
  if (quote === "'") {
    if (at === "'") quote = '';
    else word += at;
  } else if (at === '\\' && next !== undefined && (quote === '' || '"\\$`\n'.includes(next))) {
    i++;
    // A backslash at the end of a line joins it to the next one.
    if (next !== '\n') word = (word ?? '') + next;
  } else if (quote === '"') {
    if (at === '"') quote = '';
    else word += at;
  } else if (at === "'" || at === '"') {
    quote = at;
    word ??= '';
  } else if (/\s/.test(at)) {
    if (word !== undefined) words.push(word);
    word = undefined;
  } else {
    word = (word ?? '') + at;
  }
}
if (quote !== '') {
  console.error(`error: args has a quote ${quote} that does not end.`);
  process.exit(2);
}
if (word !== undefined) words.push(word);
process.stdout.write(words.map((each) => `${each}\0`).join(''));
