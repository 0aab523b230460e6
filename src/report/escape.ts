/** Text from a model or a path, safe for a terminal: control characters are shown, not obeyed. */
export function escapeControls(text: string): string {
  // C0 with the line feed, which would forge lines of a report, DEL, C1, and the marks that reverse the reading direction.
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
