/** Numbers for lanes, remembered: a lane is looked up in the database once a process. */
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
  const ids = new Map<string, number>();
  const names = new Map<number, LaneName>();

  function remember(row: StoredLane): LaneName {
    const name = { queue: row.queue, keyId: row.key_id, band: Number(row.band), model: row.model };
    ids.set(textOf(name), Number(row.id));
    names.set(Number(row.id), name);
    return name;
  }

  async function findRow({ queue, keyId, band, model }: LaneName): Promise<StoredLane | undefined> {
    const rows = await sql.all<StoredLane>(
      'SELECT id, queue, key_id, band, model FROM lanes WHERE queue = ? AND key_id = ? AND band = ? AND model = ?',
      [queue, keyId, band, model],
    );
    return rows[0];
  }

  return {
    async idOf(lane) {
      const known = ids.get(textOf(lane));
      if (known !== undefined) return known;
      let row = await findRow(lane);
      if (!row) {
        await sql.run(`${sql.insertIgnore} INTO lanes (queue, key_id, band, model) VALUES (?, ?, ?, ?)`, [
          lane.queue,
          lane.keyId,
          lane.band,
          lane.model,
        ]);
        row = await findRow(lane);
      }
      remember(row!);
      return Number(row!.id);
    },

    async nameOf(id) {
      const known = names.get(id);
      if (known) return known;
      const rows = await sql.all<StoredLane>(
        'SELECT id, queue, key_id, band, model FROM lanes WHERE id = ?',
        [id],
      );
      if (!rows[0]) throw new Error(`There is no lane ${id}`);
      return remember(rows[0]);
    },
  };
}

function textOf({ queue, keyId, band, model }: LaneName): string {
  return `${queue}\n${keyId}\n${band}\n${model}`;
}
