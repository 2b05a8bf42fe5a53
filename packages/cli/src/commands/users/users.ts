/** `fila users …`: the verbs and their options; each loads its code when it is used. */
import type { Command } from 'commander';
import { oneOf } from '../../options.ts';
import type { Run } from '../../program.ts';

const ROLES = ['viewer', 'operator', 'admin', 'super-admin'] as const;
const WHO = 'name or id of the person';
const WHO_ALL = 'names or ids; - reads them from stdin';

export function addUsers(program: Command, run: Run): void {
  const users = program
    .command('users')
    .description(
      'list, show, create, set, suspend, resume, reset-password, reset-totp, remove: people with roles',
    );
  users
    .command('list')
    .description('list people by name')
    .action((_options, command) =>
      run(command, async (context) => (await import('./list.ts')).listUsers(context)),
    );
  users
    .command('show')
    .description('show one person')
    .argument('<name>', WHO)
    .action((name, _options, command) =>
      run(command, async (context) => (await import('./show.ts')).showUser(context, name)),
    );
  users
    .command('create')
    .description('add a person; on stdout is a token with which they set their password')
    .argument('<name>', 'how they sign in: lower-case letters, digits and . _ @ -')
    .requiredOption('--role <role>', ROLES.join(', '), oneOf(ROLES))
    .action((name, { role }, command) =>
      run(command, async (context) => (await import('./create.ts')).createUser(context, name, role)),
    );
  users
    .command('set')
    .description('change the role of people; in force within a second')
    .argument('<name...>', WHO_ALL)
    .requiredOption('--role <role>', ROLES.join(', '), oneOf(ROLES))
    .action((names, { role }, command) =>
      run(command, async (context) =>
        (await import('./change.ts')).changeUsers(context, names, `is ${role} now`, (fila, id) =>
          fila.users.update(id, { role }),
        ),
      ),
    );
  addSwitches(users, run);
  addResets(users, run);
  users
    .command('remove')
    .description('remove people and end their sessions (asks first; --yes says so in advance)')
    .argument('<name...>', WHO_ALL)
    .action((names, _options, command) =>
      run(command, async (context) => (await import('./change.ts')).removeUsers(context, names)),
    );
}

function addSwitches(users: Command, run: Run): void {
  const toggle = (verb: string, status: 'active' | 'suspended', about: string): void =>
    void users
      .command(verb)
      .description(about)
      .argument('<name...>', WHO_ALL)
      .action((names, _options, command) =>
        run(command, async (context) =>
          (await import('./change.ts')).changeUsers(context, names, status, (fila, id) =>
            fila.users.update(id, { status }),
          ),
        ),
      );
  toggle('suspend', 'suspended', 'end their sessions and refuse them until they are resumed');
  toggle('resume', 'active', 'let suspended people sign in again');
}

function addResets(users: Command, run: Run): void {
  users
    .command('reset-password')
    .description('take the password and the sessions away; on stdout is a token for a new one')
    .argument('<name>', WHO)
    .action((name, _options, command) =>
      run(command, async (context) => (await import('./create.ts')).resetPassword(context, name)),
    );
  users
    .command('reset-totp')
    .description('take the second factor and the sessions away')
    .argument('<name...>', WHO_ALL)
    .action((names, _options, command) =>
      run(command, async (context) =>
        (await import('./change.ts')).changeUsers(context, names, 'has no second factor', (fila, id) =>
          fila.users.resetTotp(id),
        ),
      ),
    );
}
