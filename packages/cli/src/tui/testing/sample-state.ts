/** For tests: a broker in the middle of its day, and a state that shows it. */
import type { DeadLine, EventLine, KeyLine, LaneLine, Picture, RequestLine } from '../state/data.ts';
import { FINE, PLAIN } from '../state/glyphs.ts';
import { reduceTop, type News, type Wish } from '../state/reduce-top.ts';
import type { Scene } from '../state/table.ts';
import { sayIn, type Language } from '../state/texts.ts';
import { beginTop, type TopState, type ViewName } from '../state/top-state.ts';

export const NOW = Date.parse('2026-01-02T12:00:00.000Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

export function aLane(part: Partial<LaneLine> = {}): LaneLine {
  return {
    ...{ queue: 'default', key_id: 'key_1', key_name: 'shop', band: 2, model: 'llama3:8b' },
    ...{ pending: 3, processing: 1, delayed: 0, oldest_wait_ms: 1_900 },
    ...{ accepted_per_minute: 12, ended_per_minute: 10 },
    ...part,
  };
}

export function aPicture(part: Partial<Picture> = {}): Picture {
  const { queue: _queue, key_name: _name, band: _band, key_id: _key, ...model } = aLane();
  return {
    at: new Date(NOW).toISOString(),
    broker: { id: 'run_1', brokers: 1, uptime_ms: 7_200_000, rss_bytes: 150 * 1024 ** 2 },
    requests: {
      ...{ pending: 184, processing: 11, delayed: 6, oldest_wait_ms: 41_000, change_per_second: 3.1 },
      ...{ dead_letters: 7, dead_letters_is_complete: true },
    },
    flow: {
      ...{ accepted_per_second: 12.4, completed_per_second: 9.3, failed_per_second: 0.1 },
      ...{ retried_per_second: 0, refused_per_second: 0, tokens_per_second: 312 },
      seconds: {
        accepted: Array.from({ length: 60 }, (_, n) => n),
        completed: Array.from({ length: 60 }, () => 9),
        failed: Array.from({ length: 60 }, (_, n) => (n === 30 ? 5 : 0)),
      },
    },
    limits: { refused_minute: 0 },
    lanes_total: 2,
    lanes: [aLane({ pending: 158, oldest_wait_ms: 41_000 }), aLane({ key_id: 'key_2', key_name: 'crm' })],
    keys: [{ ...aLane(), key_id: 'key_1' }],
    models: [model],
    upstreams: [
      {
        ...{ id: 'gpu-a:11434', status: 'up', since: ago(7_200), last_error: null, enabled: true },
        ...{
          draining: false,
          slots: 4,
          running: 4,
          free: 0,
          models: 3,
          version: '0.30.0',
          open_breakers: [],
        },
      },
      {
        ...{ id: 'gpu-b:11434', status: 'down', since: ago(192), last_error: 'refused', enabled: true },
        ...{ draining: false, slots: 4, running: 0, free: 0, models: 0, version: null, open_breakers: [] },
      },
    ],
    webhooks: {
      ...{ pending: 0, due: 0, oldest_due_ms: null, endpoints: 2, failing: 0, disabled: 0, troubled: [] },
    },
    ...part,
  };
}

export function aRequestLine(part: Partial<RequestLine> = {}): RequestLine {
  return {
    ...{ id: 'req_01jdz8k3v5xq9w2m4n6p8r0s1t', status: 'processing', key_id: 'key_1', key_name: 'shop' },
    ...{ model: 'llama3:8b', priority: 5, attempts: 1, upstream: 'gpu-a:11434', error_code: null },
    ...{ tokens: null, processing_time: null, created_at: ago(41), started_at: ago(39), completed_at: null },
    ...{ run_at: null, deadline: null },
    ...part,
  };
}

export function aDeadLine(part: Partial<DeadLine> = {}): DeadLine {
  return {
    ...{ id: 'req_01jdz8k3v5xq9w2m4n6p8r0dead', key_id: 'key_1', model: 'llama3:8b', attempts: 3 },
    error: { code: 'upstream_timeout', message: 'no bytes for 60 s' },
    ...{ failed_at: ago(60), created_at: ago(120) },
    ...part,
  };
}

export function aKeyLine(part: Partial<KeyLine> = {}): KeyLine {
  return {
    ...{ id: 'key_1', name: 'shop', prefix: 'fila_live_8Kd2', status: 'active', plan: null },
    ...{ expires_at: null, last_used_at: ago(2), created_at: ago(90_000) },
    ...part,
  };
}

export function anEvent(n: number, part: Partial<EventLine> = {}): EventLine {
  return { id: `a-${n}`, type: 'request.accepted', at: ago(n), request_id: `req_${n}`, ...part };
}

export function aState(part: Partial<TopState> = {}): TopState {
  const first = beginTop({
    ...{ now: NOW, columns: 100, rows: 30, url: 'http://127.0.0.1:7433', version: '0.1.0' },
    ...{ isReadOnly: false, everyMs: 1_000, view: 'overview' },
  });
  const listed = { at: NOW, hasMore: false, error: null };
  const { state } = reduceTop(first, { type: 'picture', picture: aPicture(), how: 'live' });
  return {
    ...state,
    lists: {
      requests: {
        items: [aRequestLine(), aRequestLine({ id: 'req_2', status: 'failed', error_code: 'x' })],
        ...listed,
      },
      dead: { items: [aDeadLine(), aDeadLine({ id: 'req_dead2' })], ...listed },
      keys: { items: [aKeyLine(), aKeyLine({ id: 'key_2', name: 'crm', status: 'suspended' })], ...listed },
    },
    events: [anEvent(2), anEvent(1)],
    ...part,
  };
}

export function sceneOf(state: TopState, { language = 'en' as Language, isPlain = false } = {}): Scene {
  return { state, glyphs: isPlain ? PLAIN : FINE, say: sayIn(language) };
}

/** Presses key after key; all that was wished for on the way. */
export function press(state: TopState, ...keys: string[]): { state: TopState; wishes: Wish[] } {
  const wishes: Wish[] = [];
  let now = state;
  for (const name of keys) {
    const step = reduceTop(now, { type: 'key', name } satisfies News);
    now = step.state;
    wishes.push(...step.wishes);
  }
  return { state: now, wishes };
}

export function inView(view: ViewName, part: Partial<TopState> = {}): TopState {
  return aState({ view, ...part });
}
