/** `fila models …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';

export function addModels(program: Command, run: Run): void {
  const models = program.command('models').description('list, preload: the models of the upstreams');

  models
    .command('list')
    .description('list the models of all upstreams that are up, and which are loaded')
    .action((_options, command) =>
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
}
