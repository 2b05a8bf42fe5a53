/** `fila audit …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber } from '../../options.ts';
import type { Run } from '../../program.ts';

const OUTCOMES = ['done', 'refused', 'failed', 'intended'] as const;

export function addAudit(program: Command, run: Run): void {
  const audit = program
    .command('audit')
    .description(
      'tail, search, show, verify, export, checkpoint: who did what, in a trail that shows tampering',
    );

  audit
    .command('tail')
    .description('the newest rows, the newest last')
    .option('-n, --lines <n>', 'how many', wholeNumber(1, 1000), 20)
    .option('-f, --follow', 'go on with what is written from now on')
    .action((options, command) =>
      run(command, async (context) => (await import('./tail.ts')).tailAudit(context, options)),
    );
  addSearch(audit, run);
  audit
    .command('show')
    .description('show one row')
    .argument('<seq>', 'number of the row', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action((seq, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showAuditRow(context, seq)),
    );
  audit
    .command('verify')
    .description('look whether the trail is as it was written; ends with 8 when it is not')
    .option('--checkpoints <file>', 'checkpoints that were kept elsewhere, one JSON object a line')
    .option('--file <file>', 'an export instead of a daemon')
    .option('--public-key <key>', 'count only checkpoints of this key (base64)')
    .action((options, command) =>
      run(command, async (context) => (await import('./verify.ts')).verifyAudit(context, options)),
    );
  audit
    .command('export')
    .description('all rows, then all checkpoints, one JSON object a line')
    .action((_options, command) =>
      run(command, async (context) => (await import('./export.ts')).exportAudit(context)),
    );
  audit
    .command('checkpoint')
    .description('sign the present end of the trail and print it, to be kept elsewhere')
    .option('--all', 'print every checkpoint there is, and sign nothing')
    .action((options, command) =>
      run(command, async (context) => (await import('./checkpoint.ts')).signAudit(context, options)),
    );
}

function addSearch(audit: Command, run: Run): void {
  audit
    .command('search')
    .description('find rows, newest first')
    .option('--since <when>', 'from then on: 1h, 2d, or a time')
    .option('--until <when>', 'before then')
    .option('--actor <who>', 'kind, id or name of who did it')
    .option('--act <act>', 'keys.create, or keys for all that begins so')
    .option('--target <what>', 'kind or id of what it was done to')
    .option('--outcome <outcome>', OUTCOMES.join(', '), oneOf(OUTCOMES))
    .option('--limit <n>', 'rows of one page', wholeNumber(1, 1000), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./search.ts')).searchAudit(context, options)),
    );
}
