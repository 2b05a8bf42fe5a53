/** `fila service-tokens …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';

export function addServiceTokens(program: Command, run: Run): void {
  const tokens = program
    .command('service-tokens')
    .description('create, list, show, revoke: tokens of programs, such as a pipeline');
  tokens
    .command('create')
    .description('make a token; on stdout is the token alone')
    .argument('<name>', 'what people call the program')
    .requiredOption(
      '--scope <permission>',
      'what it may do, such as keys.read; again, or separated by commas, for more',
      (text: string, before: readonly string[] = []) => [...before, text],
    )
    .requiredOption('--expires <when>', 'refuse it after 90d, or from 2027-01-01 on (UTC)')
    .option('--out <file>', 'write it to a new file that only you can read, instead of stdout')
    .action((name, options, command) =>
      run(command, async (context) =>
        (await import('./create.ts')).createServiceToken(context, name, options),
      ),
    );
  tokens
    .command('list')
    .description('list tokens, newest first')
    .action((_options, command) =>
      run(command, async (context) => (await import('./list.ts')).listServiceTokens(context)),
    );
  tokens
    .command('show')
    .description('show one token, without its secret')
    .argument('<id>', 'id of the token')
    .action((id, _options, command) =>
      run(command, async (context) => (await import('./list.ts')).showServiceToken(context, id)),
    );
  tokens
    .command('revoke')
    .description('refuse tokens for good')
    .argument('<id...>', 'ids of tokens; - reads them from stdin')
    .action((ids, _options, command) =>
      run(command, async (context) => (await import('./list.ts')).revokeServiceTokens(context, ids)),
    );
}
