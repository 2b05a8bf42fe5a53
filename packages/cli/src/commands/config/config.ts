/** `fila config …`: the daemon's settings, seen from outside. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';

export function addConfig(program: Command, run: Run): void {
  const config = program
    .command('config')
    .description(
      'show, validate: what a start of the daemon would read here (fila settings: what is in force while it runs)',
    );

  config
    .command('show')
    .description('every setting as a start here would read it, and where that comes from; secrets are masked')
    .option('--config <file>', 'another file than ./fila.config.json')
    .action((options, command) =>
      run(command, async (context) => (await import('./show.ts')).showConfig(context, options)),
    );
  config
    .command('validate')
    .description('name every problem at once and end with 78, or say that there is none')
    .option('--config <file>', 'another file than ./fila.config.json')
    .action((options, command) =>
      run(command, async (context) => (await import('./validate.ts')).validateConfig(context, options)),
    );
}
