/** `fila requests …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { keyValue, numberFrom, oneOf, wholeNumber, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled', 'expired'] as const;
const EXPORT_FORMATS = ['jsonl', 'json', 'csv'] as const;

export function addRequests(program: Command, run: Run): void {
  const requests = program
    .command('requests')
    .description('send, show, list, export, watch, cancel, retry, explain, trace: prompts and their answers');

  addSend(requests, run);
  requests
    .command('show')
    .alias('get')
    .description('show a request and its answer')
    .argument('<id>', 'id of the request')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showRequest(context, id)),
    );
  withWatch(
    addFilters(requests.command('list').description('list own requests, or those of all keys, newest first')),
  )
    .option('--limit <n>', 'requests of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listRequests(context, options)),
    );
  addFilters(
    requests
      .command('export')
      .description('write all own requests, or the rows of all keys, to a file or stdout'),
  )
    .option('--format <format>', EXPORT_FORMATS.join(', '), oneOf(EXPORT_FORMATS), 'jsonl')
    .option('--file <path>', 'a new file that only you can read; - is stdout', '-')
    .addHelpText(
      'after',
      '\nOwn requests come with their answers; those of all keys without anything that was asked or answered.',
    )
    .action((options, command) =>
      run(command, async (context) => (await import('./export.ts')).exportRequests(context, options)),
    );
  requests
    .command('watch')
    .description('say each change of a request until it is final')
    .argument('<id>', 'id of the request')
    .addHelpText(
      'after',
      '\nEnds with 0 when it completed, 1 when it failed or expired, 6 when it was cancelled.',
    )
    .option('--stream', 'print the answer as it is given')
    .action((id, options, command) =>
      run(command, async (context) => (await import('./watch.ts')).watchRequest(context, id, options)),
    );
  requests
    .command('cancel')
    .description('stop requests that are not final')
    .argument('<id...>', 'ids of requests; - reads them from stdin')
    .option('--all-keys', 'also of other keys; needs the admin token')
    .action((ids, options, command) =>
      run(command, async (context) => (await import('./cancel.ts')).cancelRequests(context, ids, options)),
    );
  requests
    .command('retry')
    .description('try requests again that failed for good, each as a new one (admin token)')
    .argument('<id...>', 'ids of requests, of any key; - reads them from stdin')
    .option('--reason <text>', 'why; kept with each of them')
    .addHelpText('after', '\nMany at once, by error, model or time:  fila dlq retry')
    .action((ids, options, command) =>
      run(command, async (context) =>
        (await import('../dlq/retry-each.ts')).retryEach(context, ids, options),
      ),
    );
  requests
    .command('explain')
    .description('say where a request ran or would run, and what its timers are made of (admin token)')
    .argument('<id>', 'id of the request, of any key')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./explain.ts')).explainRequest(context, id)),
    );
  requests
    .command('trace')
    .description('everything that happened to a request, in the order of time (admin token)')
    .argument('<id>', 'id of the request, of any key')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./trace.ts')).traceRequest(context, id)),
    );
}

/** What `list` and `export` choose by. */
function addFilters(command: Command): Command {
  return command
    .option('--all-keys', 'those of all keys (admin token)')
    .option('--key <id>', 'those of one key (admin token)')
    .option('--status <status>', `only ${STATUSES.join(', ')}`, oneOf(STATUSES))
    .option('--model <model>', 'only those of one model')
    .option('--queue <name>', 'only those of one queue')
    .option('--since <when>', 'made after: 1h, 2d, 2027-01-01 or 2027-01-01T14:00Z')
    .option('--until <when>', 'made before, in the same forms');
}

function addSend(requests: Command, run: Run): void {
  requests
    .command('send')
    .description('hand a prompt to the daemon; prints its id, or with --wait the answer')
    .argument('[prompt]', 'text for the model')
    .option('--file <path>', 'take the prompt from a file; - is stdin')
    .option('--model <model>', "a model's name as Ollama knows it")
    .option('--system <text>', 'system text')
    .option('--max-tokens <n>', 'tokens the answer may have', wholeNumber(1, 1_000_000))
    .option('--temperature <t>', 'from 0 to 10', numberFrom(0, 10))
    .option('--seed <n>', 'seed of the chance', wholeNumber(-2_147_483_648, 2_147_483_647))
    .option('--format <format>', 'json: the answer is JSON', oneOf(['json']))
    .option('--metadata <name=value>', 'data that is kept with the request; repeatable', keyValue)
    .option('--priority <n>', 'from 0 to 9; 9 goes first', wholeNumber(0, 9))
    .option('--queue <name>', 'the queue it waits in')
    .option('--stream', 'print the answer as it is given')
    .option('--wait [seconds]', 'wait for the answer and print it; without a number until it is there')
    .action((prompt, options, command) =>
      run(command, async (context) => (await import('./send.ts')).sendRequest(context, prompt, options)),
    );
}
