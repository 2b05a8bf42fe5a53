/** Looks through failed requests, newest first, a bounded number at a time. */
import type { Ledger, RequestRow } from '../../engines/ledger/ledger.ts';
import type { DeadLetterFilter } from '../../kernel/contract.generated.ts';

export interface Scan {
  readonly filter: Omit<DeadLetterFilter, 'all'>;
  /** Only ids below this one: where the scan before ended. */
  readonly before?: string;
  /** How many are wanted at most. */
  readonly limit: number;
  /** How many may be looked at for them. */
  readonly lookAt: number;
  /** Which failed requests are meant; absent: those neither retried nor discarded. */
  readonly isMeant?: (row: RequestRow) => Promise<boolean>;
}

export interface Scanned {
  readonly rows: RequestRow[];
  /** Where the next scan goes on; null: there is nothing more. */
  readonly reached: string | null;
}

interface ScanDeps {
  readonly ledger: Pick<Ledger, 'list'>;
  /** What the error said. */
  readonly messageOf: (row: RequestRow) => Promise<string>;
}

/** Rows of one statement: few enough that it does not hold up others. */
const READ_TOGETHER = 200;

export function createScan({ ledger, messageOf }: ScanDeps): (scan: Scan) => Promise<Scanned> {
  return async ({ filter, before, limit, lookAt, isMeant }) => {
    const wanted = filter.text?.toLowerCase();
    const isAsked = async (row: RequestRow): Promise<boolean> =>
      (isMeant === undefined || (await isMeant(row))) &&
      (wanted === undefined || (await messageOf(row)).toLowerCase().includes(wanted));
    const mostRead = wanted === undefined && isMeant === undefined ? limit : READ_TOGETHER;
    const rows: RequestRow[] = [];
    let reached = before;
    for (let left = lookAt; left > 0;) {
      const count = Math.min(mostRead, READ_TOGETHER, left);
      const page = await ledger.list({
        ...conditionsOf(filter),
        ...(isMeant === undefined ? { isDeadLetter: true } : { states: ['failed'] }),
        ...{ before: reached, limit: count },
      });
      for (const row of page) {
        reached = row.id;
        if (await isAsked(row)) rows.push(row);
        if (rows.length === limit) return { rows, reached };
      }
      if (page.length < count) return { rows, reached: null };
      left -= page.length;
    }
    return { rows, reached: reached ?? null };
  };
}

function conditionsOf(filter: Scan['filter']) {
  const time = (at: string | undefined): number | undefined =>
    at === undefined ? undefined : Date.parse(at);
  return {
    errorCode: filter.error_code,
    keyId: filter.key_id,
    model: filter.model,
    createdAfter: time(filter.created_after),
    createdBefore: time(filter.created_before),
  };
}
