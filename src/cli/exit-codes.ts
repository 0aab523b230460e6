/** What the exit codes say, for the help and the manual. */
export const EXIT_CODES = `0 fine, 1 a gate failed, 2 bad usage or input, 3 environment (disk, permission, runtime),
70 a bug of this tool, 130 interrupted.`;
