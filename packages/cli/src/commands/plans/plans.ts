/** `fila plans …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';
import { addLimitFlags } from '../limit-flags.ts';

const NAME = 'name of the plan';

export function addPlans(program: Command, run: Run): void {
  const plans = program
    .command('plans')
    .description('create, list, show, set, remove: sets of limits that keys have by name');

  addLimitFlags(
    plans
      .command('create')
      .description('make a plan; what is not named is not limited')
      .argument('<name>', NAME),
    { inherits: false },
  ).action((name, options, command) =>
    run(command, async (context) => (await import('./create.ts')).createPlan(context, name, options)),
  );
  plans
    .command('list')
    .description('list plans by name')
    .action((_options, command) =>
      run(command, async (context) => (await import('./list.ts')).listPlans(context)),
    );
  plans
    .command('show')
    .description('show one plan')
    .argument('<name>', NAME)
    .action((name, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showPlan(context, name)),
    );
  addLimitFlags(
    plans
      .command('set')
      .description('change a plan; its keys follow within a second')
      .argument('<name>', NAME),
    { inherits: false },
  ).action((name, options, command) =>
    run(command, async (context) => (await import('./set.ts')).setPlan(context, name, options)),
  );
  plans
    .command('remove')
    .description('remove plans that no key has')
    .argument('<name...>', 'names of plans; - reads them from stdin')
    .action((names, _options, command) =>
      run(command, async (context) => (await import('./remove.ts')).removePlans(context, names)),
    );
}
