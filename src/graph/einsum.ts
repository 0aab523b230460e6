import { type Node, stringAttribute } from './model.js';

/**
 * The terms of an Einsum, one an input, and its result: letters, and `...` for axes without one. Without an arrow the result has
 * the labels that are written once, in the order of the alphabet, behind the axes without one.
 */
export function equationOf(node: Node): { terms: readonly string[]; result: string } {
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  return { terms: left.split(','), result: right ?? impliedResult(left) };
}

function impliedResult(terms: string): string {
  const once = [...terms].filter(
    (each) => /[a-zA-Z]/.test(each) && terms.indexOf(each) === terms.lastIndexOf(each),
  );
  return (terms.includes('...') ? '...' : '') + once.sort().join('');
}
