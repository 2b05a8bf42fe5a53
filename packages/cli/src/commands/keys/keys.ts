/** `fila keys …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, wholeNumber, withWatch } from '../../options.ts';
import { addLimitFlags } from '../limit-flags.ts';
import { addRightFlags } from './right-flags.ts';
import type { Run } from '../../program.ts';

const STATUSES = ['active', 'suspended', 'revoked'] as const;
const IDS = 'ids of keys; - reads them from stdin';

export function addKeys(program: Command, run: Run): void {
  const keys = program
    .command('keys')
    .description(
      'create, list, show, history, set, rotate, suspend, resume, revoke, seal-key, unseal: API keys of clients',
    );

  addCreate(keys, run);
  withWatch(keys.command('list').description('list keys, newest first'))
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
  addHistory(keys, run);
  addSet(keys, run);
  addRotate(keys, run);
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
  addSealing(keys, run);
}

function addHistory(keys: Command, run: Run): void {
  keys
    .command('history')
    .description('who did what to a key, when and why, the oldest first')
    .argument('<id>', 'id of the key')
    .option('--limit <n>', 'rows of one page', wholeNumber(1, 1000), 100)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .addHelpText('after', '\nWhat it was used for, by the hour:  fila usage --key ID')
    .action((id, options, command) =>
      run(command, async (context) => (await import('./history.ts')).keyHistory(context, id, options)),
    );
}

function addSet(keys: Command, run: Run): void {
  const set = keys
    .command('set')
    .description('change the name, plan, limits, rights and times of a key; brokers follow within a second')
    .argument('<id>', 'id of the key')
    .option('--name <name>', 'what people call the client')
    .option('--plan <name>', 'the plan whose limits it has; none = no plan');
  addRightFlags(addLimitFlags(set, { inherits: true })).action((id, options, command) =>
    run(command, async (context) => (await import('./set.ts')).setKey(context, id, options)),
  );
}

function addRotate(keys: Command, run: Run): void {
  const rotate = keys
    .command('rotate')
    .description('give a key a new secret, shown this once; the one before works on until the overlap ends')
    .argument('<id>', 'id of the key')
    .option('--overlap <duration>', 'how long both are accepted: 0s, 12h, at most 30d', '24h')
    .option(
      '--at <when>',
      'accept the new one from then on, and begin the overlap then: 7d, or 2027-01-01 (UTC)',
    );
  addDeliveryFlags(rotate).action((id, options, command) =>
    run(command, async (context) => (await import('./rotate.ts')).rotateKey(context, id, options)),
  );
}

function addSealing(keys: Command, run: Run): void {
  keys
    .command('seal-key')
    .description('make the pair of keys with which somebody can be sent secrets: for --seal-to')
    .requiredOption('--out <file>', 'new file for the private one, that only you can read')
    .action((options, command) =>
      run(command, async (context) => (await import('./seal-key.ts')).makeSealKey(context, options)),
    );
  keys
    .command('unseal')
    .description('open what was sealed to you; it is asked for, or read from stdin')
    .requiredOption('--with <file>', 'file of the private key, as seal-key has made it')
    .option('--out <file>', 'write the key to a new file that only you can read, instead of stdout')
    .action((options, command) =>
      run(command, async (context) => (await import('./unseal.ts')).unsealKey(context, options)),
    );
}

function addDeliveryFlags(command: Command): Command {
  return command
    .option('--out <file>', 'write the secret to a new file that only you can read, instead of stdout')
    .option('--seal-to <key>', 'encrypt it for its receiver, whose public key this is (fila keys seal-key)');
}

function addCreate(keys: Command, run: Run): void {
  const create = keys
    .command('create')
    .description('make a key; its two secrets are shown this once')
    .option('--name <name>', 'what people call the client; without it a terminal is asked for everything')
    .option('--plan <name>', 'the plan whose limits it has');
  addDeliveryFlags(addRightFlags(addLimitFlags(create, { inherits: true })))
    .addHelpText(
      'after',
      '\nOn stdout is the key alone, everything else is on stderr; with -o json it is one object with both secrets.',
    )
    .action((options, command) =>
      run(command, async (context) => (await import('./create.ts')).createKey(context, options)),
    );
}
