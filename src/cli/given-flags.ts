import type { Command } from 'commander';

/** The flags that stand on the command line, without those that only have their default: a configuration's come between. */
export function givenFlags<T extends object>(command: Command, flags: T): Partial<T> {
  const isGiven = (name: string) => command.getOptionValueSource(name) !== 'default';
  return Object.fromEntries(Object.entries(flags).filter(([name]) => isGiven(name))) as Partial<T>;
}
