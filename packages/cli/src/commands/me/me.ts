/** `fila setup`, `login`, `logout`, `whoami`, `passwd` and `totp`: who sits at this terminal. */
import type { Command } from 'commander';
import type { Run } from '../../program.ts';

const STDIN = 'take it from stdin instead of asking';

export function addMe(program: Command, run: Run): void {
  program
    .command('setup')
    .description('make the first super-admin; needs the admin token')
    .option('--name <name>', 'who it is (asked for on a terminal)')
    .option('--password-stdin', STDIN)
    .action((options, command) =>
      run(command, async (context) => (await import('./setup.ts')).setup(context, options)),
    );
  program
    .command('login')
    .description('sign in; the session is kept for the commands that follow')
    .argument('[name]', 'who it is (asked for on a terminal)')
    .option('--password-stdin', STDIN)
    .option('--code <code>', 'code of the second factor; good once (asked for when needed)')
    .action((name, options, command) =>
      run(command, async (context) => (await import('./login.ts')).login(context, name, options)),
    );
  program
    .command('logout')
    .description('end the session')
    .action((_options, command) =>
      run(command, async (context) => (await import('./logout.ts')).logout(context)),
    );
  program
    .command('whoami')
    .description('say who the broker takes you for, and what you may do')
    .action((_options, command) =>
      run(command, async (context) => (await import('./whoami.ts')).whoami(context)),
    );
  program
    .command('passwd')
    .description('change the own password')
    .option('--reset', 'set one with a reset token, which is asked for')
    .option('--reset-token-file <file>', 'the same, with the token from a file')
    .option(
      '--password-stdin',
      `${STDIN}: present and new one, a line each; with a reset token only the new one`,
    )
    .action((options, command) =>
      run(command, async (context) => (await import('./passwd.ts')).passwd(context, options)),
    );
  addTotp(program, run);
}

function addTotp(program: Command, run: Run): void {
  const totp = program.command('totp').description('enable, disable, codes: the own second factor');
  totp
    .command('enable')
    .description('switch it on, or change to another authenticator')
    .action((_options, command) =>
      run(command, async (context) => (await import('./totp.ts')).enableTotp(context)),
    );
  totp
    .command('disable')
    .description('switch it off')
    .action((_options, command) =>
      run(command, async (context) => (await import('./totp.ts')).disableTotp(context)),
    );
  totp
    .command('codes')
    .description('make new recovery codes; the old ones end')
    .action((_options, command) =>
      run(command, async (context) => (await import('./totp.ts')).newCodes(context)),
    );
}
