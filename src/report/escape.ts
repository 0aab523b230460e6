/** Text from a model or a path, safe for a terminal: control characters are shown, not obeyed. */
export function escapeControls(text: string): string {
  // C0 with the line feed, which would forge lines of a report, DEL, C1, what is not seen (zero width, soft hyphen, BOM), the
  // separators of lines and paragraphs, and the marks that reverse the reading direction.
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Text without what is no character of a page: halves of surrogate pairs, U+FFFE and U+FFFF (XML 1.0, §2.2). */
export function printable(text: string): string {
  // A half of a pair has no UTF-8, and comes back as U+FFFD.
  return Buffer.from(escapeControls(text))
    .toString()
    .replace(/[\ufffe\uffff]/g, '\ufffd');
}

/** Text as it stands in HTML and XML, between tags and in attributes with quotes. */
export function escapeMarkup(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] as string);
}

/**
 * Text as words of GitHub's Markdown: nothing in it is emphasis, a link, HTML, a table's edge, a mention or a reference.
 */
export function escapeMarkdown(text: string): string {
  return (
    escapeControls(text)
      // A backslash before punctuation makes it a character (GitHub Flavored Markdown, §6.1).
      .replace(/[\\`*_[\]<>#|~&$]/g, '\\$&')
      // Mentions, references and bare addresses are found in plain text: an empty comment parts them.
      .replace(/@(?=\w)|\\#(?=\d)|:(?=\/\/)|(?<=\bwww)\./gi, '$&<!-- -->')
  );
}

/** Text as code of Markdown, also in a table. */
export function markdownCode(text: string): string {
  const safe = escapeControls(text);
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  // A blank on both sides is taken away again, and keeps a backtick from the fence.
  const padding = safe.startsWith('`') || safe.endsWith('`') ? ' ' : '';
  // A table ends its cell at a bar even in code, unless a backslash stands before it.
  return `${fence}${padding}${safe.replaceAll('|', '\\|')}${padding}${fence}`;
}

/** The message of a GitHub workflow command, as its toolkit escapes it. */
export function escapeCommandData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A property of a GitHub workflow command. */
export function escapeCommandProperty(text: string): string {
  return escapeCommandData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
