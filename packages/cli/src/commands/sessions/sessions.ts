/** `fila sessions …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { withWatch } from '../../options.ts';
import type { Run } from '../../program.ts';

export function addSessions(program: Command, run: Run): void {
  const sessions = program.command('sessions').description('list, revoke: who is signed in');
  withWatch(sessions.command('list').description('list the own open sessions, newest first'))
    .option('--all', 'those of everybody')
    .option('--user <name>', 'those of one person')
    .action((options, command) =>
      run(command, async (context) => (await import('./list.ts')).listSessions(context, options)),
    );
  sessions
    .command('revoke')
    .description('end sessions, within a second everywhere')
    .argument('[id...]', 'ids of sessions; - reads them from stdin')
    .option('--others', 'all the own ones but this')
    .option('--user <name>', 'all of one person')
    .option('--all', 'those of everybody but this')
    .action((ids, options, command) =>
      run(command, async (context) => (await import('./revoke.ts')).revokeSessions(context, ids, options)),
    );
}
