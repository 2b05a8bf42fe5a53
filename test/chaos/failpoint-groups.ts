/** Every failpoint at least once with few brokers: points that do not end the daemon share one, and some crashes follow. */
import { FAILPOINTS, type FailpointName } from '../../packages/broker/src/kernel/failpoints.ts';
import { seededChance } from './chance.ts';
import { allCells, type Cell, type EngineSet, ENGINES, type Trial } from './failpoint-cells.ts';

const MOST_IN_GROUP = 8;
const CRASHES = 4;
/** One of these for each point, drawn from the seed; each happens in the middle of work. */
const GENTLE = new Set<Cell['action']>(['error', 'delay', 'duplicate']);

export interface Group extends Trial {
  readonly cells: readonly Cell[];
}

/** The same seed makes the same groups. Engines alternate from point to point. */
export function groupsOf(seed: number): Group[] {
  const chance = seededChance(seed).fork('failpoint groups');
  const { cells } = allCells();
  const points = Object.keys(FAILPOINTS) as FailpointName[];
  const chosen = points.map((point, index): Cell => {
    const own = cells.filter((cell) => cell.point === point && GENTLE.has(cell.action) && !cell.isFall);
    const wanted = ENGINES[(index + seed) % ENGINES.length] as EngineSet;
    const there = own.filter(({ engines }) => engines === wanted);
    return chance.pick(there.length > 0 ? there : own);
  });
  const byPlace = Map.groupBy(chosen, ({ engines, circumstance }) => `${engines} engines, ${circumstance}`);
  const gentle = [...byPlace].flatMap(([place, all]) =>
    Array.from({ length: Math.ceil(all.length / MOST_IN_GROUP) }, (_, n) =>
      groupOf(`${place} ${n + 1}`, all.slice(n * MOST_IN_GROUP, (n + 1) * MOST_IN_GROUP)),
    ),
  );
  const crashes = cells.filter(({ action, point }) => action === 'crash' && !point.startsWith('webhook.'));
  const fallen = Array.from({ length: CRASHES }, () => chance.pick(crashes));
  return [...gentle, ...fallen.map((cell) => groupOf(cell.name, [cell]))];
}

function groupOf(name: string, cells: readonly Cell[]): Group {
  const { engines, circumstance } = cells[0]!;
  return {
    ...{ name, engines, circumstance, cells },
    armed: [...new Set(cells.flatMap(({ armed }) => armed.split(';')))].join(';'),
    points: cells.map(({ point }) => point),
    isFall: cells.some(({ isFall }) => isFall),
    isLasting: cells.some(({ isLasting }) => isLasting),
  };
}
