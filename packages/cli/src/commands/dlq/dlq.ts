/** `fila dlq …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { wholeNumber, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const IDS = 'ids of dead letters; - reads them from stdin';

export function addDlq(program: Command, run: Run): void {
  const dlq = program
    .command('dlq')
    .description('list, show, retry, discard: dead letters, the requests that failed for good');

  withWatch(
    withConditions(
      dlq.command('list').description('list what was neither retried nor discarded, newest first'),
    ),
  )
    .option('--limit <n>', 'dead letters of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listDeadLetters(context, options)),
    );
  dlq
    .command('show')
    .description('show why one failed: every attempt, the policy of then, what came of it')
    .argument('<id>', 'id of the request that failed')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showDeadLetter(context, id)),
    );
  addRetry(dlq, run);
  dlq
    .command('discard')
    .description('give dead letters up; they stay readable and leave the list')
    .argument('<id...>', IDS)
    .requiredOption('--reason <text>', 'why; kept with each of them')
    .action((ids, options, command) =>
      run(command, async (context) =>
        (await import('./discard.ts')).discardDeadLetters(context, ids, options),
      ),
    );
}

function addRetry(dlq: Command, run: Run): void {
  withConditions(dlq.command('retry').description('try dead letters again: those named, or all that match'))
    .argument('[id...]', IDS)
    .option('--all', 'every dead letter there is (asks first; --yes says so in advance)')
    .option('--reason <text>', 'why; kept with each of them')
    .option('-n, --dry-run', 'only count what matches')
    .option('--rate <n>', 'retries a second (default: 50)', wholeNumber(1, 1000))
    .option('--wait', 'follow it until it is over, with a bar on a terminal')
    .addHelpText(
      'after',
      '\nWith ids each is retried at once. With conditions the daemon does it in the background, also when it is' +
        '\nrestarted meanwhile: look with  fila operations watch, stop it with  fila operations cancel.' +
        '\nEnds with 3 when some could not be retried.',
    )
    .action((ids, options, command) =>
      run(command, async (context) => (await import('./retry.ts')).retryDeadLetters(context, ids, options)),
    );
}

function withConditions(command: Command): Command {
  return command
    .option('--error <code>', 'only those with this error, such as upstream_timeout')
    .option('--key <id>', 'only those of one key')
    .option('--model <model>', 'only those of one model')
    .option('--since <when>', 'made after: 1h, 2d, 2027-01-01 or 2027-01-01T14:00Z')
    .option('--until <when>', 'made before, in the same forms')
    .option('--text <text>', "found in the error's message, whatever its case");
}
