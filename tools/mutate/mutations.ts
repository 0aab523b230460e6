import { parseAst } from 'vite';

/** One change of a program: what stands from `start` to `end` becomes `text`. */
export interface Mutation {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const swaps: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '<<': '>>',
  '>>': '<<',
  '>>>': '<<',
  '&': '|',
  '|': '&',
  '&&': '||',
  '||': '&&',
  '??': '&&',
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
};

const calls: Readonly<Record<string, string>> = {
  max: 'min',
  min: 'max',
  some: 'every',
  every: 'some',
  floor: 'ceil',
  ceil: 'floor',
  find: 'findLast',
  findLast: 'find',
  at: 'indexOf',
  startsWith: 'endsWith',
};

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** A text that is put together is a message: nobody tests each of its words. */
const isText = (value: unknown): boolean =>
  isNode(value) && (value.type === 'TemplateLiteral' || typeof value.value === 'string');

/** Every change of one operator, condition, number or call of a JavaScript module, in the order of the text. */
export function mutationsOf(code: string): Mutation[] {
  const found: Mutation[] = [];
  const replace = ({ start, end }: SyntaxNode, text: string) => found.push({ start, end, text });
  const source = ({ start, end }: SyntaxNode) => code.slice(start, end);

  const operator = (node: SyntaxNode, left: SyntaxNode, right: SyntaxNode) => {
    const swapped = swaps[String(node.operator)];
    if (!swapped || (node.operator === '+' && (isText(left) || isText(right)))) return;
    const start = code.indexOf(String(node.operator), left.end);
    if (start >= right.start) return;
    found.push({ start, end: start + String(node.operator).length, text: swapped });
  };

  const change: Readonly<Record<string, (node: SyntaxNode) => void>> = {
    BinaryExpression: (node) => operator(node, node.left as SyntaxNode, node.right as SyntaxNode),
    LogicalExpression: (node) => operator(node, node.left as SyntaxNode, node.right as SyntaxNode),
    AssignmentExpression: (node) => operator(node, node.left as SyntaxNode, node.right as SyntaxNode),
    ConditionalExpression: (node) => {
      replace(node, `(${source(node.consequent as SyntaxNode)})`);
      replace(node, `(${source(node.alternate as SyntaxNode)})`);
    },
    IfStatement: (node) => {
      replace(node.test as SyntaxNode, 'true');
      replace(node.test as SyntaxNode, 'false');
    },
    UnaryExpression: (node) => {
      if (node.operator === '!' || node.operator === '-')
        replace(node, `(${source(node.argument as SyntaxNode)})`);
    },
    Literal: (node) => {
      if (typeof node.value === 'number') replace(node, `(${node.value} + 1)`);
      if (typeof node.value === 'boolean') replace(node, String(!node.value));
    },
    CallExpression: (node) => {
      const callee = node.callee as SyntaxNode;
      const name = isNode(callee.property) ? String(callee.property.name) : '';
      const other = Object.hasOwn(calls, name) ? calls[name] : undefined;
      if (other) replace(callee.property as SyntaxNode, other);
      if (name === 'filter') replace(node, source(callee.object as SyntaxNode));
      if (name === 'fround') replace(node, `(${source((node.arguments as SyntaxNode[])[0] as SyntaxNode)})`);
    },
  };

  const visit = (node: SyntaxNode): void => {
    // What is thrown is our own bug, or a message.
    if (node.type === 'ThrowStatement' || node.type === 'ImportDeclaration') return;
    // `undefined`, as it is compiled.
    if (node.type === 'UnaryExpression' && node.operator === 'void') return;
    change[node.type]?.(node);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) for (const item of value) isNode(item) && visit(item);
      else if (isNode(value)) visit(value);
    }
  };
  visit(parseAst(code) as unknown as SyntaxNode);
  return found.sort((a, b) => a.start - b.start || a.text.localeCompare(b.text));
}

/** The program with one change. */
export const mutated = (code: string, { start, end, text }: Mutation): string =>
  code.slice(0, start) + text + code.slice(end);
