import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuantizeError, reasonOf } from '../errors.js';
import { readWhole } from '../files/open.js';

/** How files of one ending are read. */
interface Format {
  readonly endings: readonly string[];
  /** What it is called in messages. */
  readonly name: string;
  readonly mend: string;
  load(path: string): Promise<unknown>;
}

const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await readWhole(path));

const formats: readonly Format[] = [
  {
    endings: ['.yaml', '.yml'],
    name: 'YAML',
    mend: 'Mend it there.',
    async load(path) {
      const text = await textOf(path);
      const { parse } = await import('yaml');
      // Aliases that make more of a file than it is are refused by the library itself.
      return parse(text, { prettyErrors: false, logLevel: 'error' });
    },
  },
  {
    endings: ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'],
    name: 'a module with a configuration',
    mend: 'Export the configuration as the default, or a function that gives it; Node.js reads TypeScript from 22.18 on.',
    async load(path) {
      // A file that is not there is told as any other is.
      await readWhole(path);
      const module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
      const exported = module.default;
      if (exported === undefined) throw new Error('it has no default export');
      return typeof exported === 'function' ? await (exported as () => unknown)() : exported;
    },
  },
];

const json: Format = {
  endings: ['.json'],
  name: 'JSON',
  mend: 'Mend it there; JSON has no comments and no trailing commas.',
  load: async (path) => JSON.parse(await textOf(path)),
};

/** Endings of a configuration's name, in the order in which it is looked for. */
export const configEndings: readonly string[] = [json, ...formats].flatMap(({ endings }) => endings);

/**
 * The content of a configuration: YAML and modules by the ending of their names, everything else JSON.
 *
 * @throws QuantizeError `file-missing`, or `config-syntax` for what is not of its format
 */
export async function loadContent(path: string): Promise<unknown> {
  const format =
    formats.find(({ endings }) => endings.some((ending) => path.toLowerCase().endsWith(ending))) ?? json;
  try {
    return await format.load(path);
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    const facts = {
      path,
      format: format.name,
      reason: reasonOf(thrown).split('\n')[0] ?? '',
      mend: format.mend,
    };
    throw new QuantizeError('config-syntax', facts, { cause: thrown });
  }
}
