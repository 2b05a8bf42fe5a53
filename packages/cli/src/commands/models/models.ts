/** `fila models …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

export function addModels(program: Command, run: Run): void {
  const models = program
    .command('models')
    .description(
      'list, preload, alias, aliases, unalias: the models of the upstreams, and other names of them',
    );

  withWatch(
    models.command('list').description('list the models of all upstreams that are up, and which are loaded'),
  ).action((_options, command) =>
    run(command, async (context) => (await import('./list.ts')).listModels(context)),
  );
  models
    .command('preload')
    .description('load a model before the first request needs it, and say how long that took')
    .argument('<model>', 'its name, as Ollama lists it')
    .option('--upstream <id>', 'host:port of the upstream that loads it; else all that have it')
    .option('--keep-alive <time>', 'how long it stays loaded without a call, such as 30m; -1s: for good')
    .action((model, options, command) =>
      run(command, async (context) => (await import('./preload.ts')).preloadModel(context, model, options)),
    );
  models
    .command('alias')
    .description('give a model another name: who asks for the alias gets the model, within a second')
    .argument('<alias>', 'what clients ask for')
    .argument('<model>', 'what they get')
    .action((alias, model, _options, command) =>
      run(command, async (context) => (await import('./alias.ts')).aliasModel(context, alias, model)),
    );
  models
    .command('aliases')
    .description('list aliases and the models they stand for')
    .action((_options, command) =>
      run(command, async (context) => (await import('./aliases.ts')).listAliases(context)),
    );
  models
    .command('unalias')
    .description('take aliases away')
    .argument('<alias...>', 'aliases; - reads them from stdin')
    .action((aliases, _options, command) =>
      run(command, async (context) => (await import('./unalias.ts')).unaliasModels(context, aliases)),
    );
}
