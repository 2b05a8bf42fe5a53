/** How a person looks to people: columns of a list, fields of one. */
import type { User } from '@fila/sdk';
import type { View } from '../../output/formats.ts';
import { timeCell, type Cell, type Column } from '../../output/table.ts';

export function userColumns(nowMs: number): Column<User>[] {
  const time = timeCell(nowMs);
  return [
    { header: 'NAME', cell: ({ name }) => ({ exact: name }) },
    { header: 'ROLE', cell: ({ role }) => ({ exact: role }) },
    { header: 'STATUS', cell: statusCell },
    { header: '2FA', cell: totpCell },
    { header: 'LAST-LOGIN', cell: ({ last_login_at }) => time(last_login_at) },
    { header: 'ID', cell: ({ id }) => ({ exact: id }) },
    { header: 'CREATED', wide: true, cell: ({ created_at }) => time(created_at) },
  ];
}

export function userView(nowMs: number): View<User> {
  const time = timeCell(nowMs);
  return {
    name: ({ name }) => name,
    fields: (user) => [
      ['id', { exact: user.id }],
      ['name', { exact: user.name, tone: 'strong' }],
      ['role', { exact: user.role }],
      ['status', statusCell(user)],
      ['second factor', totpCell(user)],
      ['last login', time(user.last_login_at)],
      ['created', time(user.created_at)],
    ],
  };
}

function statusCell({ status, has_password }: User): Cell {
  if (status === 'suspended') return { exact: status, shown: '◌ suspended', tone: 'warn' };
  return has_password
    ? { exact: status, shown: '● active', tone: 'ok' }
    : { exact: status, shown: '○ no password yet', tone: 'dim' };
}

function totpCell({ totp }: User): Cell {
  return { exact: totp ? 'on' : 'off', tone: totp ? 'ok' : 'dim' };
}
