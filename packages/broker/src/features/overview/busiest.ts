/** Lanes, keys and models with most waiting first: a few of many. */
import type { LaneName } from '../../engines/ledger/ledger.ts';
import type { Overview } from '../../kernel/contract.generated.ts';
import type { OverviewStore } from './overview-store.ts';

export interface LaneLine {
  readonly lane: LaneName;
  readonly pending: number;
  readonly processing: number;
  readonly delayed: number;
  readonly oldestWaitMs: number | null;
  /** In the last minute. */
  readonly accepted: number;
  readonly ended: number;
}

type Counts = Omit<LaneLine, 'lane'>;
type CountsOnWire = Omit<Overview['models'][number], 'model'>;

/** Names change seldom, and keys come and go: all are looked up again after this. */
const NAMES_KEPT_MS = 30_000;

export function createBusiest(store: Pick<OverviewStore, 'keyNames'>) {
  let names = new Map<string, string | null>();
  let namesAt = 0;

  async function nameThem(ids: readonly string[]): Promise<void> {
    if (performance.now() - namesAt > NAMES_KEPT_MS) {
      names = new Map();
      namesAt = performance.now();
    }
    const unknown = [...new Set(ids.filter((id) => !names.has(id)))];
    if (unknown.length === 0) return;
    const found = await store.keyNames(unknown);
    for (const id of unknown) names.set(id, found.get(id) ?? null);
  }

  return async (
    all: readonly LaneLine[],
    most: number,
  ): Promise<Pick<Overview, 'lanes' | 'keys' | 'models'>> => {
    const lanes = [...all].sort(byWaiting).slice(0, most);
    const keys = [...together(all, (line) => line.lane.keyId)].sort(([, a], [, b]) => byWaiting(a, b));
    const models = [...together(all, (line) => line.lane.model)].sort(([, a], [, b]) => byWaiting(a, b));
    const busyKeys = keys.slice(0, most);
    await nameThem([...lanes.map(({ lane }) => lane.keyId), ...busyKeys.map(([id]) => id)]);
    return {
      lanes: lanes.map(({ lane, ...counts }) => ({
        ...{ queue: lane.queue, key_id: lane.keyId, key_name: names.get(lane.keyId) ?? null },
        ...{ band: lane.band, model: lane.model },
        ...onWire(counts),
      })),
      keys: busyKeys.map(([id, counts]) => ({
        ...{ key_id: id, key_name: names.get(id) ?? null },
        ...onWire(counts),
      })),
      models: models.slice(0, most).map(([model, counts]) => ({ model, ...onWire(counts) })),
    };
  };
}

/** Then those that run, then those where something happened. */
function byWaiting(a: Counts, b: Counts): number {
  return (
    b.pending + b.delayed - (a.pending + a.delayed) ||
    b.processing - a.processing ||
    b.accepted + b.ended - (a.accepted + a.ended)
  );
}

function together(all: readonly LaneLine[], nameOf: (line: LaneLine) => string): Map<string, Counts> {
  const found = new Map<string, { -readonly [Name in keyof Counts]: Counts[Name] }>();
  for (const line of all) {
    const name = nameOf(line);
    const sum = found.get(name);
    if (!sum) {
      const { lane: _lane, ...counts } = line;
      found.set(name, counts);
      continue;
    }
    sum.pending += line.pending;
    sum.processing += line.processing;
    sum.delayed += line.delayed;
    sum.accepted += line.accepted;
    sum.ended += line.ended;
    if (line.oldestWaitMs !== null) sum.oldestWaitMs = Math.max(sum.oldestWaitMs ?? 0, line.oldestWaitMs);
  }
  return found;
}

function onWire({ pending, processing, delayed, oldestWaitMs, accepted, ended }: Counts): CountsOnWire {
  return {
    ...{ pending, processing, delayed, oldest_wait_ms: oldestWaitMs },
    accepted_per_minute: Math.round(accepted * 10) / 10,
    ended_per_minute: Math.round(ended * 10) / 10,
  };
}
