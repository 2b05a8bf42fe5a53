/** `fila batches …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { wholeNumber, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const ID = 'id of the batch';
const FORM = `
Each line of the file is  {"custom_id": "…", "request": {"prompt": "…", "model": "…", …}}
with a custom_id of its own. All lines are accepted, or none: each that is wrong is named.`;

const LINES = [
  ['results', 'write the answers, one JSON object a line, in the order of the upload'],
  ['errors', 'write what has no answer, and why, likewise'],
] as const;

export function addBatches(program: Command, run: Run): void {
  const batches = program
    .command('batches')
    .description('create, list, show, cancel, results, errors: many requests in one upload');

  batches
    .command('create')
    .description('upload the requests of a file; prints the id of the batch, or with --wait how it ended')
    .argument('<file>', 'lines of JSON, 10,000 at most; - is stdin')
    .option('--wait', 'wait until each of them has ended')
    .addHelpText('after', FORM)
    .action((file, options, command) =>
      run(command, async (context) => (await import('./create.ts')).createBatch(context, file, options)),
    );
  withWatch(batches.command('list').description('list own batches, newest first'))
    .option('--limit <n>', 'batches of one page', wholeNumber(1, 100), 20)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listBatches(context, options)),
    );
  batches
    .command('show')
    .description('show how far one is')
    .argument('<id>', ID)
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showBatch(context, id)),
    );
  batches
    .command('cancel')
    .description('stop what of them has not ended')
    .argument('<id...>', 'ids of batches; - reads them from stdin')
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./cancel.ts')).cancelBatches(context, ids)),
    );
  for (const [outcome, description] of LINES)
    batches
      .command(outcome)
      .description(description)
      .argument('<id>', ID)
      .option('--file <path>', 'a new file that only you can read; - is stdout', '-')
      .action((id, options, command) =>
        run(command, async (context) =>
          (await import('./lines.ts')).writeLines(context, id, { ...options, outcome }),
        ),
      );
}
