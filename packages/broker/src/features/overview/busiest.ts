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
    const inOrder = (a: LaneLine, b: LaneLine): number =>
      byWaiting(a, b) || compare(textOf(a.lane), textOf(b.lane));
    const lanes = [...all].sort(inOrder).slice(0, most);
    const keys = [...together(all, (line) => line.lane.keyId)].sort(byCountsThenName);
    const models = [...together(all, (line) => line.lane.model)].sort(byCountsThenName);
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

/** Then those that waited longest, then those where about as much happened: whoever watches sees lines stay in place. */
function byWaiting(a: Counts, b: Counts): number {
  const activity = ({ accepted, ended, processing }: Counts): number =>
    Math.round(Math.log2(1 + accepted + ended + processing));
  return (
    b.pending + b.delayed - (a.pending + a.delayed) ||
    (b.oldestWaitMs ?? 0) - (a.oldestWaitMs ?? 0) ||
    activity(b) - activity(a)
  );
}

function byCountsThenName([nameA, a]: [string, Counts], [nameB, b]: [string, Counts]): number {
  return byWaiting(a, b) || compare(nameA, nameB);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function textOf({ keyId, model, queue, band }: LaneName): string {
  return `${keyId} ${model} ${queue} ${9 - band}`;
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
