/** A command of a document, as it stands there. */
export interface DocumentCommand {
  /** Path of the document, from the root of the repository. */
  readonly document: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** Which block of the document it stands in, counted from 0: commands of a block follow one another in one folder. */
  readonly block: number;
  /** For bash: lines that a backslash joins, and the whole of a block that is a script. */
  readonly text: string;
  /** What the document shows below it; undefined where it shows nothing. */
  readonly output?: string;
}

const FENCE = /^ *```(\w*)/;

/** The commands of all blocks ```sh, ```bash and ```console of a document, in their order. */
export function commandsOf(document: string, markdown: string): DocumentCommand[] {
  const lines = markdown.split('\n');
  const found: DocumentCommand[] = [];
  let block = 0;
  for (let at = 0; at < lines.length; at++) {
    const [, language] = FENCE.exec(lines[at] ?? '') ?? [];
    if (language === undefined) continue;
    const start = at + 1;
    do at++;
    while (at < lines.length && !FENCE.test(lines[at] ?? ''));
    const place = { document, block, first: start + 1 };
    const body = lines.slice(start, at);
    if (language === 'sh' || language === 'bash') found.push(...ofScript(place, body));
    else if (language === 'console') found.push(...ofConsole(place, body));
    else continue;
    block++;
  }
  return found;
}

interface Place {
  readonly document: string;
  readonly block: number;
  readonly first: number;
}

function ofScript({ document, block, first }: Place, body: readonly string[]): DocumentCommand[] {
  if (body[0]?.startsWith('#!')) return [{ document, block, line: first, text: body.join('\n') }];
  const found: DocumentCommand[] = [];
  for (let at = 0; at < body.length; at++) {
    const line = first + at;
    const text = [body[at] ?? ''];
    while (text.at(-1)?.endsWith('\\')) text.push(body[++at] ?? '');
    if (!/^\s*(#|$)/.test(text[0] ?? '')) found.push({ document, block, line, text: text.join('\n').trim() });
  }
  return found;
}

function ofConsole({ document, block, first }: Place, body: readonly string[]): DocumentCommand[] {
  const found: DocumentCommand[] = [];
  for (let at = 0; at < body.length; at++) {
    if (!body[at]?.startsWith('$ ')) continue;
    const line = first + at;
    const text = [(body[at] ?? '').slice(2)];
    while (text.at(-1)?.endsWith('\\')) text.push(body[++at] ?? '');
    const output: string[] = [];
    while (at + 1 < body.length && !body[at + 1]?.startsWith('$ ')) output.push(body[++at] ?? '');
    const shown = output.join('\n').trim();
    found.push({ document, block, line, text: text.join('\n'), ...(shown === '' ? {} : { output: shown }) });
  }
  return found;
}

/**
 * The words of every call of `quantize` in a text for a shell, without the name: quotes and backslashes as a POSIX shell reads
 * them, comments and redirections left out. What is between `&&`, `;`, `|`, and `if` and `then` stands apart.
 */
export function callsOf(text: string): string[][] {
  const calls: string[][] = [];
  for (const words of splitWords(text)) {
    const name = words.findIndex((word) => /^(bin\/)?(quantize|onnx-quantize)$/.test(word));
    const before = words.slice(0, name);
    // In any other place it is a word like others, as in `npm install onnx-quantize`.
    if (name >= 0 && before.every((word) => /^(npx|node|if|!|--yes|[A-Z_]+=.*)$/.test(word)))
      calls.push(words.slice(name + 1));
  }
  return calls;
}

/** The words of each simple command. */
function splitWords(text: string): string[][] {
  const tokens =
    /\\\n|(?<=^|\s)#[^\n]*|\d*>>?&?\s*(?:"[^"]*"|[^\s;|&]+)|&&|\|\||[;|\n]|(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s;|&<>\\'"])+|\S/g;
  const commands: string[][] = [[]];
  for (const [token] of text.matchAll(tokens)) {
    if (token === '\\\n' || /^#|^\d*>/.test(token)) continue;
    if (/^(&&|\|\||[;|\n])$/.test(token)) commands.push([]);
    else commands.at(-1)?.push(unquoted(token));
  }
  return commands.filter((words) => words.length > 0);
}

const unquoted = (token: string): string =>
  token.replace(/\\(.)|'([^']*)'|"((?:\\.|[^"\\])*)"/g, (_, escaped, single, double) =>
    String(escaped ?? single ?? String(double).replace(/\\(["\\$`])/g, '$1')),
  );
