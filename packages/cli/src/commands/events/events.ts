/** `fila events …`: the verbs and their options; each loads its code when it is used. */
import { InvalidArgumentError, type Command } from 'commander';
import { wholeNumber } from '../../options.ts';
import type { Run } from '../../program.ts';

const KINDS = ['request', 'upstream', 'limit', 'key', 'webhook', 'broker'] as const;
type Kind = (typeof KINDS)[number];

export function addEvents(program: Command, run: Run): void {
  program
    .command('events')
    .description('tail: what happens, as it happens, without content')
    .command('tail')
    .description('print events until you stop it with Ctrl-C; goes on through restarts of the daemon')
    .option('--kinds <kinds>', `which, separated by commas: ${KINDS.join(', ')}`, kindsOf)
    .option('--most <n>', 'so many a second; what is more is counted', wholeNumber(1, 10_000))
    .action((options, command) =>
      run(command, async (context) => (await import('./tail.ts')).tailEvents(context, options)),
    );
}

function kindsOf(text: string): Kind[] {
  return text.split(',').map((word) => {
    const kind = KINDS.find((one) => one === word.trim());
    if (!kind) throw new InvalidArgumentError(`Some of ${KINDS.join(', ')}.`);
    return kind;
  });
}
