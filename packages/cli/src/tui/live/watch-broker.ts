/** Brings news of the broker to the store: the stream of events, questions where there is no stream, and the list in view. */
import type { Event, Fila, RequestEntry } from '@fila/sdk';
import type { EventLine } from '../state/data.ts';
import type { Lists } from '../state/top-state.ts';
import type { TopStore } from './store.ts';

export interface BrokerWatch {
  /** Asks for what the view shows, now. */
  refresh(): void;
  stop(): Promise<void>;
}

export interface WatchDeps {
  readonly fila: Fila;
  readonly store: TopStore;
  readonly now: () => number;
  readonly everyMs: number;
  /** Lanes and keys that are asked for. */
  readonly busiest: number;
  /** The token is refused, or the like: nothing will help. */
  readonly onHopeless: (error: unknown) => void;
}

const EVENTS_PER_SECOND = 50;
const LIST_EVERY_MS = 2_000;
const CHECK_EVERY_MS = 1_000;
/** Without a picture for so long it is asked for. */
const PATIENCE_MS = 3_000;
const ASK_TIMEOUT_MS = 5_000;
const PAGE = 100;
/** Of keys. */
const MOST_PAGES = 5;

export function watchBroker(deps: WatchDeps): BrokerWatch {
  const { fila, store, now, everyMs } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  let waiting: EventLine[] = [];
  let missed = 0;
  let isAsking = false;
  let listedAt = 0;
  let isListing = false;

  function hear(event: Event): void {
    if (event.overview) store.tell({ type: 'picture', picture: event.overview, how: 'live' });
    else if (event.type === 'gap') missed += event.missed ?? 0;
    else waiting.push({ ...event });
  }

  async function listen(): Promise<void> {
    const options = {
      kinds: ['overview', 'request', 'upstream', 'limit', 'key', 'webhook', 'broker'] as const,
      ...{ overviewMs: everyMs, busiest: deps.busiest, mostPerSecond: EVENTS_PER_SECOND, signal },
    };
    for await (const event of fila.events({
      ...options,
      onConnection: ({ isConnected, error, retryInMs }) => {
        if (isConnected) return;
        const retryAt = retryInMs === undefined ? null : now() + retryInMs;
        const connection = { how: 'none', error: error?.detail ?? '', retryAt } as const;
        store.tell({ type: 'connection', connection });
      },
    }))
      hear(event);
  }

  /** Also where something between gathers the stream up and passes nothing on. */
  async function ask(): Promise<void> {
    const { pictureAt } = store.now();
    if (isAsking || (pictureAt !== null && now() - pictureAt < Math.max(PATIENCE_MS, 3 * everyMs))) return;
    isAsking = true;
    try {
      const options = { signal, maxRetries: 0, timeoutMs: ASK_TIMEOUT_MS };
      const picture = await fila.overview({ busiest: deps.busiest }, options);
      store.tell({ type: 'picture', picture, how: 'polling' });
    } catch {
      // The stream says what is wrong.
    } finally {
      isAsking = false;
    }
  }

  async function list(): Promise<void> {
    const { view, isHeld, mode } = store.now();
    if (isListing || isHeld || mode.kind === 'detail' || now() - listedAt < LIST_EVERY_MS) return;
    isListing = true;
    listedAt = now();
    try {
      const lists = await listOf(view);
      if (lists) store.tell({ type: 'list', lists });
    } catch (error) {
      if (!signal.aborted && view in store.now().lists)
        store.tell({ type: 'list', lists: failed(view as keyof Lists, error) });
    } finally {
      isListing = false;
    }
  }

  function failed(view: keyof Lists, error: unknown): Partial<Lists> {
    const text = error instanceof Error ? error.message : String(error);
    return { [view]: { ...store.now().lists[view], error: text, at: now() } };
  }

  async function listOf(view: string): Promise<Partial<Lists> | null> {
    const options = { signal, maxRetries: 0, timeoutMs: ASK_TIMEOUT_MS };
    const { query } = store.now();
    const narrowed = { limit: PAGE, key_id: query.keyId, model: query.model };
    if (view === 'requests') {
      const { key_id: key, ...rest } = narrowed;
      const page = await fila.requests.listAll({ ...rest, key }, options).page();
      return {
        requests: {
          items: page.items.map(withTokens),
          at: now(),
          hasMore: page.next_cursor !== null,
          error: null,
        },
      };
    }
    if (view === 'dead') {
      const page = await fila.deadLetters.list(narrowed, options).page();
      return { dead: { items: page.items, at: now(), hasMore: page.next_cursor !== null, error: null } };
    }
    if (view !== 'keys') return null;
    const items = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      const page = await fila.keys.list({ limit: PAGE, ...(cursor ? { cursor } : {}) }, options).page();
      items.push(...page.items);
      cursor = page.next_cursor;
      if (cursor === null) break;
    }
    return { keys: { items, at: now(), hasMore: cursor !== null, error: null } };
  }

  function beat(): void {
    if (waiting.length > 0 || missed > 0) store.tell({ type: 'events', events: waiting, missed });
    waiting = [];
    missed = 0;
    store.tell({ type: 'tick', now: now() });
    store.beat();
    void list();
  }

  const listening = listen().catch((error: unknown) => {
    if (!signal.aborted) deps.onHopeless(error);
  });
  const beats = setInterval(beat, everyMs);
  const checks = setInterval(() => void ask(), CHECK_EVERY_MS);
  void list();

  return {
    refresh: () => {
      listedAt = 0;
      void list().then(() => store.beat());
    },
    stop: async () => {
      clearInterval(beats);
      clearInterval(checks);
      stopping.abort();
      await listening;
    },
  };
}

function withTokens(entry: RequestEntry): RequestEntry & { readonly tokens: number | null } {
  const { prompt_tokens: prompt, completion_tokens: completion } = entry;
  return { ...entry, tokens: prompt === null ? null : prompt + (completion ?? 0) };
}
