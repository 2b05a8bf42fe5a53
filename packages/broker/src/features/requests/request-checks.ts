/** What fila verify asks of requests: everything that is sealed can be opened. */
import { setImmediate } from 'node:timers/promises';
import type { Ledger, SealedRow } from '../../engines/ledger/ledger.ts';
import { VaultError, type Vault } from '../../engines/vault/vault.ts';
import type { Checks } from '../verify/verify.ts';
import { requestContent } from './request-content.ts';

const SAMPLE = 10;

/** Nobody but the owner of a backup can bring back what was changed, so nothing is mended. */
export function createRequestChecks(ledger: Pick<Ledger, 'checks'>, vault: Vault): Checks {
  const content = requestContent(vault);

  async function firstUnreadable({ id, sealed }: SealedRow): Promise<string | null> {
    for (const [column, value] of Object.entries(sealed)) {
      if (value === null) continue;
      const opens = await content.open(column as keyof SealedRow['sealed'], id, value).then(yes, noIfBroken);
      if (!opens) return column;
    }
    return null;
  }

  return {
    find: async () => {
      let count = 0;
      const sample: string[] = [];
      for (let after = ''; ;) {
        const page = await ledger.checks.sealed(after);
        if (page.length === 0) break;
        for (const row of page) {
          const column = await firstUnreadable(row);
          if (column === null) continue;
          count += 1;
          if (sample.length < SAMPLE) sample.push(`${row.id}/${column}`);
        }
        after = page.at(-1)!.id;
        // Neither SQLite nor deciphering gives way to others by itself.
        await setImmediate();
      }
      if (count === 0) return [];
      const about = 'requests whose content was changed, moved, or sealed with a key that is gone';
      return [{ rule: 'content-opens', about, count, sample, remedy: null }];
    },
    mend: async () => 0,
  };
}

const yes = (): boolean => true;

/** Opened, and not what was put in: as broken. */
function noIfBroken(error: unknown): boolean {
  if (error instanceof VaultError || error instanceof SyntaxError) return false;
  throw error;
}
