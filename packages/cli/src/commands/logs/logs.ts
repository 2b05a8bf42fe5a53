/** `fila logs …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber } from '../../options.ts';
import type { Run } from '../../program.ts';

const LEVELS = ['warning', 'error', 'critical', 'emergency'] as const;

export function addLogs(program: Command, run: Run): void {
  const logs = program
    .command('logs')
    .description(
      'tail, search: the log of all brokers, warnings and worse; the rest is in files, FILA_LOG_DIR',
    );

  logs
    .command('tail')
    .description('the newest lines, the newest last')
    .option('-n, --lines <n>', 'how many', wholeNumber(1, 1000), 20)
    .option('-f, --follow', 'go on with what is written from now on')
    .option('--level <level>', `${LEVELS.join(', ')}: this one and worse`, oneOf(LEVELS))
    .action((options, command) =>
      run(command, async (context) => (await import('./tail.ts')).tailLogs(context, options)),
    );
  logs
    .command('search')
    .description('find lines, newest first')
    .argument('[text]', 'what the message or a field has in it')
    .option('--since <when>', 'from then on: 1h, 2d, or a time')
    .option('--until <when>', 'before then')
    .option('--level <level>', `${LEVELS.join(', ')}: this one and worse`, oneOf(LEVELS))
    .option('--request <id>', 'about this request or call')
    .option('--key <id>', 'about this key')
    .option('--limit <n>', 'lines of one page', wholeNumber(1, 1000), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((text, options, command) =>
      run(command, async (context) => (await import('./search.ts')).searchLogs(context, text, options)),
    );
}
