/** `fila operations …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber } from '../../options.ts';
import type { Run } from '../../program.ts';

const STATES = ['running', 'completed', 'cancelled'] as const;

export function addOperations(program: Command, run: Run): void {
  const operations = program
    .command('operations')
    .description('list, show, cancel: what the daemon does to many things in the background');

  operations
    .command('list')
    .description('list operations, newest first')
    .option('--state <state>', `only ${STATES.join(', ')} ones`, oneOf(STATES))
    .option('--limit <n>', 'operations of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listOperations(context, options)),
    );
  operations
    .command('show')
    .description('show how far one has come')
    .argument('<id>', 'id of the operation')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showOperation(context, id)),
    );
  operations
    .command('cancel')
    .description('stop operations; what they have done stays done')
    .argument('<id...>', 'ids of operations; - reads them from stdin')
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./cancel.ts')).cancelOperations(context, ids)),
    );
}
