/** `fila keys …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber } from '../../options.ts';
import { addLimitFlags } from '../limit-flags.ts';
import type { Run } from '../../program.ts';

const STATUSES = ['active', 'suspended', 'revoked'] as const;
const IDS = 'ids of keys; - reads them from stdin';

export function addKeys(program: Command, run: Run): void {
  const keys = program
    .command('keys')
    .description('create, list, show, set, rotate, suspend, resume, revoke: API keys of client systems');

  addCreate(keys, run);
  keys
    .command('list')
    .description('list keys, newest first')
    .option('--status <status>', 'only active, suspended or revoked ones', oneOf(STATUSES))
    .option('--limit <n>', 'keys of one page', wholeNumber(1, 100), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listKeys(context, options)),
    );
  keys
    .command('show')
    .description('show one key, without its secrets')
    .argument('<id>', 'id of the key')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showKey(context, id)),
    );
  addLimitFlags(
    keys
      .command('set')
      .description('change the name, plan and limits of a key; brokers follow within a second')
      .argument('<id>', 'id of the key')
      .option('--name <name>', 'what people call the client')
      .option('--plan <name>', 'the plan whose limits it has; none = no plan'),
    { inherits: true },
  ).action((id, options, command) =>
    run(command, async (context) => (await import('./set.ts')).setKey(context, id, options)),
  );
  keys
    .command('rotate')
    .description('give a key a new secret, shown this once; the one before works on until the overlap ends')
    .argument('<id>', 'id of the key')
    .option('--overlap <duration>', 'how long both are accepted: 0s, 12h, at most 30d', '24h')
    .option('--out <file>', 'write the secret to a new file that only you can read, instead of stdout')
    .action((id, options, command) =>
      run(command, async (context) => (await import('./rotate.ts')).rotateKey(context, id, options)),
    );
  keys
    .command('suspend')
    .description('refuse keys until they are resumed')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./suspend.ts')).suspendKeys(context, ids)),
    );
  keys
    .command('resume')
    .description('accept suspended keys again')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./resume.ts')).resumeKeys(context, ids)),
    );
  keys
    .command('revoke')
    .description('refuse keys for good (asks first; --yes says so in advance)')
    .argument('<id...>', IDS)
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./revoke.ts')).revokeKeys(context, ids)),
    );
}

function addCreate(keys: Command, run: Run): void {
  const create = keys
    .command('create')
    .description('make a key; its two secrets are shown this once')
    .option('--name <name>', 'what people call the client (asked for on a terminal)')
    .option('--plan <name>', 'the plan whose limits it has');
  addLimitFlags(create, { inherits: true })
    .option('--expires <when>', 'refuse it after 365d, or from 2027-01-01 on (UTC)')
    .option('--out <file>', 'write the secret to a new file that only you can read, instead of stdout')
    .addHelpText(
      'after',
      '\nOn stdout is the key alone, everything else is on stderr; with -o json it is one object with both secrets.',
    )
    .action((options, command) =>
      run(command, async (context) => (await import('./create.ts')).createKey(context, options)),
    );
}
