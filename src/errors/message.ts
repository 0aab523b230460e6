/** What a user is told of one kind of error. */
export interface Message<Text extends string = string> {
  /** Exit code of the command. */
  readonly exit: number;
  /** One sentence; `{name}` is replaced by the fact of that name. */
  readonly text: Text;
  /** What to do about it. */
  readonly hint: Text;
}

/** Keeps the texts as types, from which those of the facts derive. */
export const message = <const Text extends string, const Hint extends string>(
  exit: number,
  text: Text,
  hint: Hint,
): Message<Text | Hint> => ({ exit, text, hint });

/** Names of the placeholders of a text; braces with a space between them are braces. */
export type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${string} ${string}` ? never : Name) | Placeholders<Rest>
  : never;
