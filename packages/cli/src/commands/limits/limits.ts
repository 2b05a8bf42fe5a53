/** `fila limits …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf, withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

export function addLimits(program: Command, run: Run): void {
  const limits = program
    .command('limits')
    .description('explain, penalties, lift: what limits a key now, and who is blocked');

  limits
    .command('explain')
    .description('show all limits of a call, what is left of each, and which one decides now')
    .requiredOption('--key <id>', 'id of the key')
    .option('--class <class>', 'request, write or read', oneOf(['request', 'write', 'read']), 'request')
    .option('--address <ip>', 'also the limits of this address')
    .action((options, command) =>
      run(command, async (context) => (await import('./explain.ts')).explainLimits(context, options)),
    );
  withWatch(
    limits.command('penalties').description('list keys and addresses that are blocked, or were of late'),
  ).action((_options, command) =>
    run(command, async (context) => (await import('./penalties.ts')).listPenalties(context)),
  );
  limits
    .command('lift')
    .description('end blocks and forget them')
    .argument('<id...>', 'ids of keys, or addresses; - reads them from stdin')
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./lift.ts')).liftPenalties(context, ids)),
    );
}
