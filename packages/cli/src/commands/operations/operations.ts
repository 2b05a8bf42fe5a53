/** `fila operations …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const STATES = ['running', 'completed', 'cancelled'] as const;

export function addOperations(program: Command, run: Run): void {
  const operations = program
    .command('operations')
    .description('list, show, watch, cancel: what the daemon does to many things in the background');

  withWatch(operations.command('list').description('list operations, newest first'))
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
    .command('watch')
    .description('say how far one has come until it is over; Ctrl-C ends the looking, not the operation')
    .argument('<id>', 'id of the operation')
    .addHelpText(
      'after',
      '\nEnds with 0 when all was done, 3 when some was skipped, 6 when it was cancelled.',
    )
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./watch.ts')).watchOperation(context, id)),
    );
  operations
    .command('cancel')
    .description('stop operations; what they have done stays done')
    .argument('<id...>', 'ids of operations; - reads them from stdin')
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./cancel.ts')).cancelOperations(context, ids)),
    );
}
