/** Elements that HTML never closes. */
const VOID = new Set(['meta', 'link', 'img', 'br', 'input', 'hr']);

/**
 * Check that markup is well-formed: every element closed in order, every attribute once and in quotes, no stray `<` or `&`.
 *
 * @param kind - in XML every element is closed
 * @returns the names of the elements, in order
 */
export function checkMarkup(text: string, kind: 'html' | 'xml'): string[] {
  const open: string[] = [];
  const names: string[] = [];
  let rest = text;
  const fail = (what: string): never => {
    throw new Error(`${what} at: ${rest.slice(0, 80)}`);
  };
  while (rest !== '') {
    const [piece] =
      /^(?:<!doctype html>|<\?xml [^>]*\?>|<style>[^<]*<\/style>|<script>[\s\S]*?<\/script>|<\/?[a-zA-Z][^<>]*>|(?:[^<>&]|&(?:amp|lt|gt|quot|#39|#160|nbsp);)+)/.exec(
        rest,
      ) ?? [];
    if (piece === undefined) return fail('malformed');
    const tag = /^<(\/?)([a-zA-Z][\w:-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>$/.exec(piece);
    if (piece.startsWith('</')) {
      const last = open.pop();
      if (tag?.[2] !== last) fail(`</${last}> is missing`);
    } else if (tag) {
      const [, , name = '', attributes = '', self] = tag;
      const keys = [...attributes.matchAll(/([\w:-]+)=/g)].map(([, key]) => key);
      if (new Set(keys).size < keys.length) fail('an attribute stands twice');
      names.push(name);
      if (!self && !(kind === 'html' && VOID.has(name))) open.push(name);
    } else if (/^<[a-zA-Z]/.test(piece) && !/^<(style|script)>/.test(piece)) fail('malformed tag');
    rest = rest.slice(piece.length);
  }
  if (open.length > 0) fail(`never closed: ${open.join(', ')}`);
  return names;
}
