/** Rows that operators write, as they are in force here: read again and again, and at once where they were written. */
import { onceCommitted } from './written-together.ts';

/** How often others' rows are read: less than the second that is promised, by the time a query may take. */
export const FOLLOW_EVERY_MS = 700;

export interface RowsInForce<Came> {
  /** What came of applying them; null when a later read was faster. */
  reload(): Promise<Came | null>;
  /**
   * To be called where they were written. What is read now is in force after the commit, whatever is read in between,
   * and never when there is none.
   */
  changed(): Promise<void>;
  /** Whether they were read at all. */
  areKnown(): boolean;
}

export function rowsInForce<Row, Came>(
  read: () => Promise<Row[]>,
  apply: (rows: Row[]) => Came,
): RowsInForce<Came> {
  /** Reads are counted, so that one that was slow does not undo what a later one brought. */
  let asked = 0;
  let applied = 0;

  return {
    reload: async () => {
      asked += 1;
      const turn = asked;
      const rows = await read();
      if (turn < applied) return null;
      applied = turn;
      return apply(rows);
    },
    changed: async () => {
      const rows = await read();
      onceCommitted(() => {
        asked += 1;
        applied = asked;
        apply(rows);
      });
    },
    areKnown: () => applied > 0,
  };
}
