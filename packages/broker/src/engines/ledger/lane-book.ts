/** Numbers for lanes: looked up in the database, and remembered. */
import type { LaneBook, LaneName } from './ledger.ts';
import type { SqlRunner } from './sql-runner.ts';

interface StoredLane {
  id: number;
  queue: string;
  key_id: string;
  band: number;
  model: string;
}

export function laneBook(sql: SqlRunner): LaneBook {
  async function findId({ queue, keyId, band, model }: LaneName): Promise<number | undefined> {
    const rows = await sql.all<{ id: number }>(
      'SELECT id FROM lanes WHERE queue = ? AND key_id = ? AND band = ? AND model = ?',
      [queue, keyId, band, model],
    );
    return rows[0] && Number(rows[0].id);
  }

  return {
    async idOf(lane) {
      const { queue, keyId, band, model } = lane;
      const known = await findId(lane);
      if (known !== undefined) return known;
      await sql.run(`${sql.insertIgnore} INTO lanes (queue, key_id, band, model) VALUES (?, ?, ?, ?)`, [
        ...[queue, keyId, band, model],
      ]);
      return (await findId(lane))!;
    },

    async nameOf(id) {
      const [row] = await sql.all<StoredLane>(
        'SELECT id, queue, key_id, band, model FROM lanes WHERE id = ?',
        [id],
      );
      if (!row) throw new Error(`There is no lane ${id}`);
      return { queue: row.queue, keyId: row.key_id, band: Number(row.band), model: row.model };
    },
  };
}

/** Asks once a process: neither ever changes. The same promise for all who ask costs them nothing more. */
export function rememberLanes({ idOf, nameOf }: LaneBook): LaneBook {
  const ids = new Map<string, Promise<number>>();
  const names = new Map<number, Promise<LaneName>>();
  async function numbered(lane: LaneName): Promise<number> {
    const id = await idOf(lane);
    const { queue, keyId, band, model } = lane;
    names.set(id, Promise.resolve({ queue, keyId, band, model }));
    return id;
  }

  return {
    idOf: (lane) => once(ids, textOf(lane), () => numbered(lane)),
    nameOf: (id) => once(names, id, () => nameOf(id)),
  };
}

function once<Key, Value>(
  known: Map<Key, Promise<Value>>,
  key: Key,
  ask: () => Promise<Value>,
): Promise<Value> {
  const before = known.get(key);
  if (before) return before;
  const asked = ask();
  known.set(key, asked);
  asked.catch(() => known.delete(key));
  return asked;
}

function textOf({ queue, keyId, band, model }: LaneName): string {
  return `${queue}\n${keyId}\n${band}\n${model}`;
}
