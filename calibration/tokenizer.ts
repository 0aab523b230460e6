import { join } from 'node:path';
import { QuantizeError, reasonOf } from '../src/errors.js';
import { readWhole } from '../src/files/open.js';

/** The tokens of a text, special ones included. */
export interface Tokens {
  readonly ids: readonly number[];
  /** Which text of a pair each is of: 0 where there is one alone. */
  readonly types: readonly number[];
}

/** A model's own tokenizer. */
export interface TextTokenizer {
  /** The tokens of a text, cut where the model takes no more. */
  readonly encode: (text: string) => Tokens;
  /** What stands behind a text that is shorter than the others. */
  readonly padId: number;
}

/** The files of a Hugging Face repository that describe a tokenizer. */
const TOKENIZER = 'tokenizer.json';
const TOKENIZER_CONFIG = 'tokenizer_config.json';

/** Tokenizers that know no limit say a number far beyond this one. */
const MOST_TOKENS = 4096;

/** What is read of `tokenizer_config.json`. */
interface TokenizerConfig {
  readonly model_max_length?: unknown;
  readonly pad_token?: unknown;
}

/**
 * The tokenizer of a folder, by the package @huggingface/tokenizers, which transformers.js brings along from version 4 on.
 *
 * @throws QuantizeError `tokenizer-unavailable` where the package is not installed, `data-format` for files that it does not
 *   take, or as {@link readWhole}
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const [described, config] = [
    await readJson(join(folder, TOKENIZER)),
    (await readJson(join(folder, TOKENIZER_CONFIG))) as TokenizerConfig,
  ];
  const { Tokenizer } = await importTokenizers();
  let made: InstanceType<typeof Tokenizer>;
  try {
    made = new Tokenizer(described, config);
    made.encode('a');
  } catch (thrown) {
    throw malformed(
      join(folder, TOKENIZER),
      `it describes no tokenizer that can be read: ${reasonOf(thrown)}`,
    );
  }
  const most = typeof config.model_max_length === 'number' ? config.model_max_length : MOST_TOKENS;
  const length = most >= 1 && most <= MOST_TOKENS ? Math.floor(most) : MOST_TOKENS;
  return {
    encode(text) {
      // No types, whatever its typings say, where no template of the tokenizer names them: as of GPT-2's.
      const found: { ids: number[]; token_type_ids?: number[] } = made.encode(text, {
        return_token_type_ids: true,
      });
      const ids = found.ids.slice(0, length);
      return { ids, types: found.token_type_ids?.slice(0, length) ?? ids.map(() => 0) };
    },
    padId: made.token_to_id(padTokenOf(config)) ?? 0,
  };
}

/** A token alone, or with how it is matched. */
function padTokenOf({ pad_token: token }: TokenizerConfig): string {
  const content = typeof token === 'object' && token !== null && 'content' in token ? token.content : token;
  return typeof content === 'string' ? content : '[PAD]';
}

async function importTokenizers(): Promise<typeof import('@huggingface/tokenizers')> {
  try {
    return await import('@huggingface/tokenizers');
  } catch (thrown) {
    throw new QuantizeError('tokenizer-unavailable', { reason: reasonOf(thrown) }, { cause: thrown });
  }
}

async function readJson(path: string): Promise<object> {
  const text = new TextDecoder().decode(await readWhole(path));
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (thrown) {
    throw malformed(path, `it is not JSON: ${reasonOf(thrown)}`);
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found;
  throw malformed(path, 'it holds no JSON object');
}

const malformed = (path: string, reason: string) =>
  new QuantizeError('data-format', {
    ...{ path, reason },
    mend: "Give the folder of the model's own tokenizer, as Hugging Face has it.",
  });
