import { basename } from 'node:path';
import { QuantizeError } from '../../src/errors.js';
import { readWhole } from '../../src/files/open.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { converterOf } from '../array-set.js';
import { sampleShapeOf } from '../batch-axis.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import { loadTokenizer, type TextTokenizer, type Tokens } from '../tokenizer.js';
import type { Reader, ReadRequest } from './reader.js';

/**
 * Text, a sample a line, through the tokenizer of a folder; empty lines are passed over. Each sample is as long as its
 * text, unless the model's input has a fixed length: then it is cut or filled up to that.
 */
export const textReader: Reader = {
  name: '.txt',
  summary: 'text, a sample a line, by --tokenizer',
  accepts: ({ extension }) => extension === '.txt',
  async read({ path, inputs, tokenizer: folder, preprocess }: ReadRequest): Promise<SampleSet> {
    if (folder === undefined) throw new QuantizeError('tokenizer-missing', { path });
    const lines = textOf(path, await readWhole(path));
    if (lines.length === 0) throw new QuantizeError('data-empty', { path });
    const makers = inputs.map((input) => makerOf(input, path));
    const tokenizer = await loadTokenizer(folder);
    return {
      label: basename(path),
      length: lines.length,
      preprocess: 'by its tokenizer',
      async sample(index) {
        const tokens = tokenizer.encode(lines[index] ?? '');
        const parts = inputs.map((input, i): [string, NdArray] => {
          const array = arrayOf(tokens, input, tokenizer, makers[i] as Maker);
          const convert = converterOf(`${path}: line ${index}`, array.type, array.dims, input, preprocess);
          return [input.name, convert(array)];
        });
        return Object.fromEntries(parts) satisfies Feed;
      },
    };
  },
};

function textOf(path: string, bytes: Uint8Array): string[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const reason = 'it is no UTF-8';
    throw new QuantizeError('data-format', { path, reason, mend: 'Save it as UTF-8, one text a line.' });
  }
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** What an input of a language model holds, one number a token. */
interface Maker {
  readonly values: (tokens: Tokens) => readonly number[];
  /** What stands behind the text where the length is fixed. */
  readonly filler: (tokenizer: TextTokenizer) => number;
}

const zero = () => 0;

/** By the names that exporters of Hugging Face give. */
const makers: Readonly<Record<string, Maker>> = {
  input_ids: { values: ({ ids }) => ids, filler: ({ padId }) => padId },
  attention_mask: { values: ({ ids }) => ids.map(() => 1), filler: zero },
  token_type_ids: { values: ({ types }) => types, filler: zero },
  position_ids: { values: ({ ids }) => ids.map((_, position) => position), filler: zero },
};

function makerOf({ name }: InputSpec, path: string): Maker {
  const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (maker) return maker;
  throw new QuantizeError('text-input-unknown', {
    ...{ path, input: name, found: Object.keys(makers).join(', ') },
  });
}

function arrayOf(tokens: Tokens, input: InputSpec, tokenizer: TextTokenizer, maker: Maker): NdArray {
  const values = [...maker.values(tokens)];
  const wanted = sampleShapeOf(input)?.at(-1);
  if (typeof wanted === 'number' && wanted > 0) {
    values.length = Math.min(values.length, wanted);
    while (values.length < wanted) values.push(maker.filler(tokenizer));
  }
  const dims = [values.length];
  // An attention mask may be of floats or of booleans; all integers are made of int32.
  if (input.type.startsWith('float')) return { type: 'float32', dims, data: Float32Array.from(values) };
  if (input.type === 'bool') return { type: 'bool', dims, data: Uint8Array.from(values) };
  return { type: 'int32', dims, data: Int32Array.from(values) };
}
