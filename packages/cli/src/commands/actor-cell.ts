/** Who did something, in a column: the name that people know, and kind and id for programs. */
import type { AuditRow, SettingVersion } from '@fila/sdk';
import type { Cell } from '../output/table.ts';

export function actorCell({ actor }: Pick<AuditRow | SettingVersion, 'actor'>): Cell {
  const exact = [actor.kind, actor.id ?? ''].join(' ').trim();
  return { exact, shown: actor.name ?? exact };
}
