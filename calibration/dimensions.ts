/** The value of a dimension that a model states as an expression; undefined where a name in it has none. */
type Expression = (values: ReadonlyMap<string, number>) => number | undefined;

/** Numbers, names, and the operators of exporters; `-` and `/` stand in names, too, and count only beside a space. */
const TOKEN = /\s*(\d+|[A-Za-z_][\w.]*|\/\/|[-+*/(),])/y;
const OPERATORS = /[+*()]|\s[-/]|[-/]\s|\d[-/]|\/\/|[-/]\d/;

/**
 * Read a dimension as exporters write it: `past + seq`, `2*batch`, `(height + 7)//8`, `floor(height/8)`, `Max(1, n - 4)`.
 *
 * @returns undefined where it is a plain name, or nothing that can be computed
 */
export function parseDimension(text: string): { names: readonly string[]; value: Expression } | undefined {
  if (!OPERATORS.test(text)) return undefined;
  const tokens = tokensOf(text);
  return tokens && new Parser(tokens).parse();
}

function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const found = TOKEN.exec(trimmed);
    if (!found) return undefined;
    tokens.push(found[1] as string);
  }
  return tokens;
}

/** What names may be applied to arguments, by their lower case. */
const functions: Readonly<Record<string, (...values: number[]) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  ceiling: Math.ceil,
  max: Math.max,
  min: Math.min,
  mod: (a, b) => a % b,
};

const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '//': (a, b) => Math.floor(a / b),
};

/** Sums of products, as in arithmetic. */
class Parser {
  readonly #tokens: readonly string[];
  readonly #names = new Set<string>();
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  parse() {
    const value = this.#sum();
    if (!value || this.#at < this.#tokens.length) return undefined;
    return { names: [...this.#names], value };
  }

  #take(...wanted: string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.#at++;
    return token;
  }

  #sum(): Expression | undefined {
    return this.#chain(['+', '-'], () => this.#chain(['*', '/', '//'], () => this.#operand()));
  }

  #chain(signs: string[], operand: () => Expression | undefined): Expression | undefined {
    let left = operand();
    for (let sign = this.#take(...signs); sign && left; sign = this.#take(...signs)) {
      const right = operand();
      left = right && applied(operators[sign] as (a: number, b: number) => number, [left, right]);
    }
    return left;
  }

  #operand(): Expression | undefined {
    if (this.#take('(')) {
      const inner = this.#sum();
      return this.#take(')') ? inner : undefined;
    }
    if (this.#take('-')) {
      const inner = this.#operand();
      return inner && applied((a) => -a, [inner]);
    }
    const token = this.#tokens[this.#at++];
    if (token === undefined || !/^[\w.]/.test(token)) return undefined;
    if (/^\d/.test(token)) return () => Number(token);
    const call = functions[token.toLowerCase()];
    if (call && this.#take('(')) return this.#call(call);
    this.#names.add(token);
    return (values) => values.get(token);
  }

  #call(call: (...values: number[]) => number): Expression | undefined {
    const parts: Expression[] = [];
    do {
      const part = this.#sum();
      if (!part) return undefined;
      parts.push(part);
    } while (this.#take(','));
    return this.#take(')') ? applied(call, parts) : undefined;
  }
}

function applied(call: (...values: number[]) => number, parts: readonly Expression[]): Expression {
  return (values) => {
    const numbers = parts.map((part) => part(values));
    return numbers.every((value) => value !== undefined) ? call(...numbers) : undefined;
  };
}
