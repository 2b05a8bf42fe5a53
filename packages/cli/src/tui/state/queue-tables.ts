/** The tables of lanes, keys, upstreams and webhooks. */
import type { KeyLine, LaneLine, TroubledEndpoint, UpstreamLine } from './data.ts';
import { rateOf, signedRateOf, sinceOf } from './figures.ts';
import {
  ms,
  number,
  plain,
  shortId,
  stateCell,
  waitCell,
  type Cell,
  type Scene,
  type Table,
} from './table.ts';
import type { TopState } from './top-state.ts';

export const overviewTable: Table<LaneLine> = {
  items: ({ picture }) => picture?.lanes ?? [],
  id: ({ queue, key_id, band, model }) => `${queue}/${key_id}/${band}/${model}`,
  text: ({ queue, key_id, key_name, model }) => `${key_name ?? ''} ${key_id} ${model} ${queue}`,
  columns: [
    {
      title: 'col.key',
      width: 10,
      grows: true,
      rank: 0,
      cell: (l) => plain(l.key_name ?? l.key_id),
      order: (l) => l.key_name ?? l.key_id,
    },
    {
      title: 'col.model',
      width: 12,
      grows: true,
      rank: 1,
      cell: (l) => plain(l.model),
      order: (l) => l.model,
    },
    {
      title: 'col.queue',
      width: 7,
      rank: 4,
      cell: (l) => plain(l.queue),
      order: (l) => l.queue,
    },
    {
      title: 'col.band',
      width: 4,
      align: 'right',
      rank: 4,
      cell: (l) => plain(String(l.band)),
      order: (l) => l.band,
    },
    {
      title: 'col.wait',
      width: 6,
      align: 'right',
      rank: 0,
      cell: (l) => number(l.pending),
      order: (l) => l.pending + l.delayed,
    },
    {
      title: 'col.oldest',
      width: 6,
      align: 'right',
      rank: 2,
      cell: (l) => waitCell(l.oldest_wait_ms),
      order: (l) => l.oldest_wait_ms ?? -1,
    },
    {
      title: 'col.run',
      width: 5,
      align: 'right',
      rank: 3,
      cell: (l) => number(l.processing),
      order: (l) => l.processing,
    },
    {
      title: 'col.later',
      width: 6,
      align: 'right',
      rank: 8,
      cell: (l) => number(l.delayed),
      order: (l) => l.delayed,
    },
    {
      title: 'col.inMin',
      width: 6,
      align: 'right',
      rank: 4,
      cell: (l) => ({ text: rateOf(l.accepted_per_minute) }),
      order: (l) => l.accepted_per_minute,
    },
    {
      title: 'col.outMin',
      width: 6,
      align: 'right',
      rank: 5,
      cell: (l) => ({ text: rateOf(l.ended_per_minute) }),
      order: (l) => l.ended_per_minute,
    },
    {
      ...{ title: 'col.delta', width: 6, align: 'right', rank: 2 },
      cell: (l) => deltaCell(l.accepted_per_minute - l.ended_per_minute),
      order: (l) => l.accepted_per_minute - l.ended_per_minute,
    },
  ],
};

function deltaCell(delta: number): Cell {
  return {
    text: signedRateOf(delta),
    ...(delta >= 1 ? { tone: 'warn' } : delta <= -1 ? { tone: 'ok' } : {}),
  };
}

const countsOf = (state: TopState, id: string) => state.picture?.keys.find(({ key_id }) => key_id === id);

export const keysTable: Table<KeyLine> = {
  items: ({ lists }) => lists.keys.items,
  id: ({ id }) => id,
  text: (k) => [k.id, k.name, k.prefix, k.status, k.plan].join(' '),
  columns: [
    {
      title: 'col.name',
      width: 10,
      grows: true,
      rank: 0,
      cell: (k) => ({ text: k.name, tone: 'strong' }),
      order: (k) => k.name,
    },
    {
      title: 'col.state',
      width: 11,
      rank: 0,
      cell: (k, scene) => stateCell(k.status, scene),
      order: (k) => k.status,
    },
    {
      title: 'col.wait',
      width: 6,
      align: 'right',
      rank: 1,
      cell: (k, { state }) => number(countsOf(state, k.id)?.pending ?? 0),
      order: (k, s) => countsOf(s, k.id)?.pending ?? 0,
    },
    {
      title: 'col.run',
      width: 5,
      align: 'right',
      rank: 2,
      cell: (k, { state }) => number(countsOf(state, k.id)?.processing ?? 0),
      order: (k, s) => countsOf(s, k.id)?.processing ?? 0,
    },
    {
      title: 'col.inMin',
      width: 6,
      align: 'right',
      rank: 3,
      cell: (k, { state }) => ({ text: rateOf(countsOf(state, k.id)?.accepted_per_minute ?? 0) }),
      order: (k, s) => countsOf(s, k.id)?.accepted_per_minute ?? 0,
    },
    {
      title: 'col.lastUsed',
      width: 6,
      align: 'right',
      rank: 4,
      cell: (k, { state }) => ({ text: sinceOf(k.last_used_at, state.now) }),
      order: (k) => ms(k.last_used_at),
    },
    { title: 'col.prefix', width: 16, rank: 7, cell: (k) => ({ text: k.prefix, tone: 'dim' }) },
    { title: 'col.plan', width: 10, rank: 6, cell: (k) => plain(k.plan), order: (k) => k.plan ?? '' },
    {
      title: 'col.expires',
      width: 10,
      rank: 5,
      cell: (k) => plain(k.expires_at?.slice(0, 10) ?? null),
      order: (k) => ms(k.expires_at),
    },
  ],
};

export function upstreamWord(line: UpstreamLine): string {
  if (line.status !== 'up') return line.status;
  if (!line.enabled) return 'disabled';
  return line.draining ? 'draining' : 'up';
}

function upstreamCell(line: UpstreamLine, scene: Pick<Scene, 'glyphs'>): Cell {
  const word = upstreamWord(line);
  if (word === 'draining') return { text: `${scene.glyphs.off} draining`, tone: 'warn' };
  if (word === 'up' && line.open_breakers.length > 0)
    return { text: `${scene.glyphs.warn} degraded`, tone: 'warn' };
  return stateCell(word, scene);
}

export function upstreamWhy(line: UpstreamLine): string {
  if (line.status === 'down') return line.last_error ?? '';
  return line.open_breakers.length > 0 ? `breaker: ${line.open_breakers.join(' ')}` : '';
}

export const upstreamsTable: Table<UpstreamLine> = {
  items: ({ picture }) => picture?.upstreams ?? [],
  id: ({ id }) => id,
  text: (u) => [u.id, upstreamWord(u), u.last_error, ...u.open_breakers].join(' '),
  columns: [
    {
      title: 'col.name',
      width: 15,
      grows: true,
      rank: 0,
      cell: (u) => ({ text: u.id, tone: 'strong' }),
      order: (u) => u.id,
    },
    { title: 'col.state', width: 10, rank: 0, cell: upstreamCell, order: upstreamWord },
    {
      title: 'col.run',
      width: 5,
      align: 'right',
      rank: 1,
      cell: (u) => number(u.running),
      order: (u) => u.running,
    },
    {
      title: 'col.slots',
      width: 7,
      align: 'right',
      rank: 3,
      cell: (u) => number(u.slots),
      order: (u) => u.slots,
    },
    {
      title: 'col.since',
      width: 6,
      align: 'right',
      rank: 3,
      cell: (u, { state }) => ({ text: sinceOf(u.since, state.now) }),
      order: (u) => ms(u.since),
    },
    {
      title: 'col.models',
      width: 6,
      align: 'right',
      rank: 4,
      cell: (u) => number(u.models),
      order: (u) => u.models,
    },
    { title: 'col.version', width: 8, rank: 5, cell: (u) => plain(u.version) },
    {
      title: 'col.why',
      width: 12,
      grows: true,
      rank: 2,
      cell: (u) => ({ text: upstreamWhy(u), tone: 'warn' }),
    },
  ],
};

export const webhooksTable: Table<TroubledEndpoint> = {
  items: ({ picture }) => picture?.webhooks.troubled ?? [],
  id: ({ id }) => id,
  text: (w) => [w.id, w.host, w.key_id, w.status, w.disabled_reason].join(' '),
  columns: [
    { title: 'col.id', width: 10, rank: 3, cell: (w) => ({ text: shortId(w.id) }), order: (w) => w.id },
    {
      title: 'col.state',
      width: 11,
      rank: 0,
      cell: (w, scene) =>
        w.status === 'enabled'
          ? { text: `${scene.glyphs.warn} failing`, tone: 'warn' }
          : stateCell(w.status, scene),
      order: (w) => w.status,
    },
    {
      title: 'col.host',
      width: 14,
      grows: true,
      rank: 0,
      cell: (w) => ({ text: w.host, tone: 'strong' }),
      order: (w) => w.host,
    },
    {
      title: 'col.since',
      width: 6,
      align: 'right',
      rank: 1,
      cell: (w, { state }) => ({ text: sinceOf(w.failing_since, state.now) }),
      order: (w) => ms(w.failing_since),
    },
    { title: 'col.why', width: 10, rank: 2, cell: (w) => plain(w.disabled_reason) },
    {
      title: 'col.key',
      width: 10,
      rank: 4,
      cell: (w) => ({ text: shortId(w.key_id) }),
      order: (w) => w.key_id,
    },
  ],
};
