/** `fila whoami`: who the broker takes this terminal for, and what that allows. */
import type { Whoami } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import { LOCAL } from '../../contexts.ts';
import { printOne } from '../../output/formats.ts';
import { timeCell } from '../../output/table.ts';

export async function whoami(context: CliContext): Promise<void> {
  const { url, context: name } = context.profile();
  const fila = await context.sdk('admin');
  const time = timeCell(context.now());
  await printOne<Whoami>(context.out, await fila.sessions.whoami(), {
    name: (who) => who.name,
    fields: (who) => [
      ['name', { exact: who.name, tone: 'strong' }],
      ['kind', { exact: who.kind.replaceAll('_', ' ') }],
      ['role', { exact: who.role ?? '-' }],
      ['broker', { exact: url }],
      ['context', { exact: name ?? LOCAL }],
      ...(who.session
        ? ([
            ['second factor', { exact: who.totp ? 'on' : 'off', tone: who.totp ? 'ok' : 'warn' }],
            ['session', { exact: who.session.id }],
            ['ends', time(who.session.expires_at)],
          ] as const)
        : []),
      ['may', { exact: who.permissions.join(' ') }],
    ],
  });
}
