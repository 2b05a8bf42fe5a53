/** The tables of requests, dead letters and events. */
import type { DeadLine, EventLine, RequestLine } from './data.ts';
import { clockOf, sinceOf, spanOf } from './figures.ts';
import { ms, number, plain, shortId, stateCell, type Table, type Tone } from './table.ts';
import type { TopState } from './top-state.ts';

export const requestsTable: Table<RequestLine> = {
  items: ({ lists }) => lists.requests.items,
  id: ({ id }) => id,
  text: (r) => [r.id, r.status, r.key_name, r.key_id, r.model, r.upstream, r.error_code].join(' '),
  columns: [
    {
      title: 'col.id',
      width: 10,
      rank: 1,
      cell: (r) => ({ text: shortId(r.id) }),
      order: (r) => ms(r.created_at),
    },
    {
      title: 'col.state',
      width: 12,
      rank: 0,
      cell: (r, scene) => stateCell(r.status, scene),
      order: (r) => r.status,
    },
    {
      title: 'col.key',
      width: 8,
      grows: true,
      rank: 2,
      cell: (r) => plain(r.key_name ?? r.key_id),
      order: (r) => r.key_name ?? r.key_id,
    },
    {
      title: 'col.model',
      width: 10,
      grows: true,
      rank: 3,
      cell: (r) => plain(r.model),
      order: (r) => r.model,
    },
    {
      title: 'col.age',
      width: 6,
      align: 'right',
      rank: 1,
      cell: (r, { state }) => ({ text: sinceOf(r.created_at, state.now) }),
    },
    {
      ...{ title: 'col.took', width: 6, align: 'right', rank: 4 },
      cell: (r, { state }) => ({
        text:
          r.processing_time === null
            ? r.status === 'processing'
              ? sinceOf(r.started_at, state.now)
              : '-'
            : spanOf(r.processing_time),
      }),
      order: (r) => r.processing_time ?? -1,
    },
    {
      title: 'col.try',
      width: 4,
      align: 'right',
      rank: 6,
      cell: (r) => number(r.attempts),
      order: (r) => r.attempts,
    },
    {
      title: 'col.upstream',
      width: 16,
      rank: 7,
      cell: (r) => plain(r.upstream),
      order: (r) => r.upstream ?? '',
    },
    {
      title: 'col.tokens',
      width: 6,
      align: 'right',
      rank: 8,
      cell: (r) => (r.tokens === null ? plain(null) : number(r.tokens)),
      order: (r) => r.tokens ?? -1,
    },
    {
      title: 'col.error',
      width: 14,
      rank: 5,
      cell: (r) => ({ text: r.error_code ?? '', tone: 'bad' }),
      order: (r) => r.error_code ?? '',
    },
  ],
};

/** Where it is known: the keys that are busy, and those that were looked at. */
function nameOfKey({ picture, lists }: TopState, id: string): string {
  const known = lists.keys.items.find((key) => key.id === id)?.name;
  return known ?? picture?.lanes.find(({ key_id }) => key_id === id)?.key_name ?? shortId(id);
}

export const deadTable: Table<DeadLine> = {
  items: ({ lists }) => lists.dead.items,
  id: ({ id }) => id,
  text: (d) => [d.id, d.key_id, d.model, d.error.code, d.error.message].join(' '),
  columns: [
    {
      title: 'col.id',
      width: 10,
      rank: 3,
      cell: (d) => ({ text: shortId(d.id) }),
      order: (d) => ms(d.created_at),
    },
    {
      title: 'col.failedAt',
      width: 7,
      align: 'right',
      rank: 1,
      cell: (d, { state }) => ({ text: sinceOf(d.failed_at, state.now) }),
      order: (d) => ms(d.failed_at),
    },
    {
      title: 'col.error',
      width: 20,
      rank: 0,
      cell: (d) => ({ text: d.error.code, tone: 'bad' }),
      order: (d) => d.error.code,
    },
    { title: 'col.model', width: 12, rank: 2, cell: (d) => plain(d.model), order: (d) => d.model },
    {
      title: 'col.try',
      width: 4,
      align: 'right',
      rank: 4,
      cell: (d) => number(d.attempts),
      order: (d) => d.attempts,
    },
    {
      title: 'col.key',
      width: 10,
      rank: 6,
      cell: (d, { state }) => ({ text: nameOfKey(state, d.key_id) }),
      order: (d, state) => nameOfKey(state, d.key_id),
    },
    { title: 'col.message', width: 12, grows: true, rank: 5, cell: (d) => ({ text: d.error.message }) },
  ],
};

const EVENT_TONES: readonly (readonly [RegExp, Tone])[] = [
  [/\.(failed|down|refused|removed)$|^gap$/, 'bad'],
  [/\.(retrying|returned|expired|changed|left)$/, 'warn'],
  [/\.(completed|delivered|up|joined)$/, 'ok'],
  [/\.started$/, 'busy'],
];
const HIDDEN = new Set(['id', 'type', 'at', 'broker', 'key_id', 'queue', 'band']);

/** Its fields in one line, the telling ones first. */
export function eventText(event: EventLine): string {
  return Object.entries(event)
    .filter(([name, value]) => !HIDDEN.has(name) && value !== '')
    .map(([name, value]) => (name === 'request_id' ? shortId(String(value)) : `${name}=${String(value)}`))
    .join(' ');
}

export const eventsTable: Table<EventLine> = {
  // The newest first, as in every other list.
  items: (state) => state.events,
  id: ({ id }) => id,
  text: (e) => Object.values(e).join(' '),
  columns: [
    { title: 'col.time', width: 12, rank: 0, cell: (e) => ({ text: clockOf(e.at), tone: 'dim' }) },
    {
      title: 'col.event',
      width: 18,
      rank: 0,
      cell: (e) => ({ text: e.type, tone: EVENT_TONES.find(([like]) => like.test(e.type))?.[1] }),
    },
    { title: 'col.what', width: 20, grows: true, rank: 0, cell: (e) => ({ text: eventText(e) }) },
  ],
};
