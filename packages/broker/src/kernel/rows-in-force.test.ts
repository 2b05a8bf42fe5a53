import { expect, it } from 'vitest';
import { rowsInForce } from './rows-in-force.ts';
import { writtenTogether } from './written-together.ts';

/** Rows whose reads are answered by hand, in any order. */
function followed() {
  const reads: ((rows: string[]) => void)[] = [];
  const applied: string[] = [];
  const read = () => new Promise<string[]>((resolve) => reads.push(resolve));
  const rows = rowsInForce(read, ([row]) => void applied.push(row!));
  return { rows, applied, answer: (index: number, row: string) => reads[index]!([row]) };
}

it('a slow read does not undo what a later one has brought', async () => {
  const { rows, applied, answer } = followed();
  const [first, second] = [rows.reload(), rows.reload()];
  expect(rows.areKnown()).toBe(false);
  answer(1, 'new');
  await second;
  answer(0, 'old');
  expect(await first).toBeNull();
  expect([applied, rows.areKnown()]).toEqual([['new'], true]);
});

it('what was written is in force after the commit, whatever was read in between, and never without one', async () => {
  const { rows, applied, answer } = followed();
  const { committed } = await writtenTogether({}, async () => {
    const changed = rows.changed();
    answer(0, 'written');
    await changed;
  });
  const tick = rows.reload();
  expect(applied).toEqual([]);
  committed();
  answer(1, 'before the commit');
  await tick;
  expect(applied).toEqual(['written']);
});
