/** `fila queues …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';
import { addPolicyFlags } from './policy-flags.ts';

const NAME = 'name of the queue';
const NAMES = 'names of queues; - reads them from stdin';

const SWITCHES = [
  ['pause', 'start nothing; running requests end, accepting goes on'],
  ['resume', 'start and accept again'],
  ['drain', 'accept nothing new; the rest is processed'],
] as const;

export function addQueues(program: Command, run: Run): void {
  const queues = program
    .command('queues')
    .description(
      'list, show, create, set, remove, pause, resume, drain: where requests wait, and by which rules',
    );

  withWatch(queues.command('list').description('list queues, their state and what is in them')).action(
    (_options, command) => run(command, async (context) => (await import('./list.ts')).listQueues(context)),
  );
  queues
    .command('show')
    .description('show one queue')
    .argument('<name>', NAME)
    .action((name, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showQueue(context, name)),
    );
  addPolicyFlags(
    queues
      .command('create')
      .description("make a queue; what is not named is as the daemon's settings say")
      .argument('<name>', 'a-z, 0-9, - and _, at most 40'),
  ).action((name, options, command) =>
    run(command, async (context) => (await import('./create.ts')).createQueue(context, name, options)),
  );
  addPolicyFlags(
    queues
      .command('set')
      .description('change the policy of a queue, for all daemons within a second')
      .argument('<name>', NAME),
  ).action((name, options, command) =>
    run(command, async (context) => (await import('./set.ts')).setQueue(context, name, options)),
  );
  queues
    .command('remove')
    .description('remove queues that are empty')
    .argument('<name...>', NAMES)
    .action((names, _options, command) =>
      run(command, async (context) => (await import('./remove.ts')).removeQueues(context, names)),
    );
  for (const [verb, description] of SWITCHES)
    queues
      .command(verb)
      .description(description)
      .argument('<name...>', NAMES)
      .action((names, _options, command) =>
        run(command, async (context) => (await import('./switch.ts')).switchQueues(context, names, verb)),
      );
}
