import type { Command } from 'commander';
import { expect, it } from 'vitest';
import type { Host } from '../cli-context.ts';
import { buildProgram } from '../program.ts';
import { ACTS } from './state/keymap.ts';

it('whatever the screen can do, a command can do: the one that the question names', () => {
  const program = buildProgram({} as Host, () => undefined);
  for (const { command } of Object.values(ACTS).flat()) {
    let found: Command | undefined = program;
    const [, ...words] = command.split(' ');
    for (const word of words.filter((one) => !one.startsWith('-')))
      found = found?.commands.find((one) => one.name() === word);
    expect(found, command).toBeDefined();
    for (const flag of words.filter((one) => one.startsWith('-')))
      expect(found!.options.map(({ long }) => long)).toContain(flag);
  }
});
