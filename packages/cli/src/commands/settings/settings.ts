/** `fila settings …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { wholeNumber } from '../../options.ts';
import type { Run } from '../../program.ts';

const NAME = 'name of the setting, such as maxQueued';
const version = wholeNumber(0, 2_147_483_647);

export function addSettings(program: Command, run: Run): void {
  const settings = program
    .command('settings')
    .description(
      'list, get, set, unset, diff, history, restore: what is in force at running brokers (fila config: what a start would read)',
    );

  settings
    .command('list')
    .description('every setting, the value in force at the broker that answers, and where that comes from')
    .option('--live', 'only those that can be changed while brokers run')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listSettings(context, options)),
    );
  settings
    .command('get')
    .description('show one setting')
    .argument('<name>', NAME)
    .action((name, _options, command) =>
      run(command, async (context) => (await import('./get.ts')).getSetting(context, name)),
    );
  settings
    .command('set')
    .description('change a live setting, for all brokers within a second and for good')
    .argument('<name>', NAME)
    .argument('<value>', 'as its variable would have it: 500, true, 5s,2h')
    .action((name, value, _options, command) =>
      run(command, async (context) => (await import('./set.ts')).setSetting(context, name, value)),
    );
  settings
    .command('unset')
    .description('back to what each broker was started with')
    .argument('<name...>', 'names of settings; - reads them from stdin')
    .action((names, _options, command) =>
      run(command, async (context) => (await import('./unset.ts')).unsetSettings(context, names)),
    );
  addVersions(settings, run);
}

function addVersions(settings: Command, run: Run): void {
  settings
    .command('diff')
    .description('what differs from the defaults; with versions, what was changed between them')
    .argument('[from]', 'a version of the history; 0 is what the start says', version)
    .argument('[to]', 'another one; the newest unless given', version)
    .action((from, to, _options, command) =>
      run(command, async (context) => (await import('./diff.ts')).diffSettings(context, from, to)),
    );
  settings
    .command('history')
    .description('what was changed while brokers ran, newest first: who, when, why, before and after')
    .option('--limit <n>', 'versions of one page', wholeNumber(1, 500), 50)
    .option('--cursor <cursor>', 'start where the page before ended')
    .option('--all', 'every page')
    .action((options, command) =>
      run(command, async (context) => (await import('./history.ts')).listVersions(context, options)),
    );
  settings
    .command('restore')
    .description('make all settings what they were from a version on; this makes a version of its own')
    .argument('<version>', 'a version of the history; 0 is what the start says', version)
    .action((number, _options, command) =>
      run(command, async (context) => (await import('./restore.ts')).restoreSettings(context, number)),
    );
}
