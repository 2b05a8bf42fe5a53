/** `fila context …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';

export function addContext(program: Command, run: Run): void {
  const context = program.command('context').description('list, use, add, remove: brokers by name');
  context
    .command('list')
    .description('list brokers by name, and who is signed in')
    .action((_options, command) =>
      run(command, async (cli) => (await import('./change.ts')).listContexts(cli)),
    );
  context
    .command('use')
    .description('choose the broker of the commands that follow')
    .argument('<name>', 'a name of the list; local is the daemon of this machine')
    .action((name, _options, command) =>
      run(command, async (cli) => (await import('./change.ts')).useContext(cli, name)),
    );
  context
    .command('add')
    .description(
      'name a broker, or change what a name stands for; --token-file and --api-key-file are kept with it',
    )
    .argument('<name>', 'what to call it')
    .argument('<url>', 'where it is')
    .action((name, url, _options, command: Command) =>
      run(command, async (cli) =>
        (await import('./change.ts')).addContext(cli, name, url, command.optsWithGlobals()),
      ),
    );
  context
    .command('remove')
    .description('forget a name, and the session with its broker')
    .argument('<name>', 'a name of the list')
    .action((name, _options, command) =>
      run(command, async (cli) => (await import('./change.ts')).removeContext(cli, name)),
    );
}
