/** Finds requests of which something that is stored cannot be decrypted: changed, moved to another row, or its key gone. */
import type { BrokenRule, Ledger, RequestRow } from '../../engines/ledger/ledger.ts';

export interface FindUnreadableDeps {
  readonly ledger: Pick<Ledger, 'list'>;
  readonly isReadable: (row: RequestRow) => Promise<boolean>;
  /** How many of the newest are looked at; all of a large table would take hours. */
  readonly most?: number;
}

const MOST = 50_000;
const PAGE = 100;
const SAMPLE = 10;

/** Null when all of them can be read. */
export async function findUnreadable(deps: FindUnreadableDeps): Promise<BrokenRule | null> {
  const { ledger, isReadable, most = MOST } = deps;
  const found: string[] = [];
  let before: string | undefined;
  for (let seen = 0; seen < most; seen += PAGE) {
    const rows = await ledger.list({ limit: PAGE, before });
    const readable = await Promise.all(rows.map(isReadable));
    found.push(...rows.filter((_, index) => !readable[index]).map(({ id }) => id));
    if (rows.length < PAGE) break;
    before = rows.at(-1)!.id;
  }
  if (found.length === 0) return null;
  return {
    rule: 'content-is-readable',
    about: `requests of which something cannot be decrypted, among the newest ${most}`,
    ...{ count: found.length, sample: found.slice(0, SAMPLE), remedy: null },
  };
}
