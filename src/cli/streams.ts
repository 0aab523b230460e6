/** What the command needs of the process: so that a test can pass another. */
export interface CommandProcess {
  readonly argv: readonly string[];
  readonly stdout: Output;
  readonly stderr: Output;
  /** Where answers are read from. */
  readonly stdin?: { readonly isTTY?: boolean | undefined } | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  once?(event: 'SIGINT', listener: () => void): unknown;
  removeListener?(event: 'SIGINT', listener: () => void): unknown;
  exitCode?: number | string | null | undefined;
}

/** A stream that lines go to. */
export interface Output {
  write(text: string): unknown;
  on?(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  readonly isTTY?: boolean | undefined;
}
