/** Answers that another broker is being given: asked for while somebody listens here, and told to those who ask. */
import type { Relay } from '../../engines/relay/relay.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Logger } from '../../kernel/logger.ts';
import { LiveAnswer, type LiveAnswers } from './live-answers.ts';
import { START, type Position } from './stream-position.ts';

interface Wish {
  readonly id: string;
  /** The inbox of the broker that asks. */
  readonly to: string;
  /** As far as it has heard. */
  readonly at: Position;
}

/** What an inbox is sent. Sealed: prompts and answers pass no Redis in the open. */
type News = { readonly at: Position; readonly text: string; readonly thinking: string } | 'ended';

interface Asked {
  at: Position;
  until: number;
}

interface Heard {
  copy: LiveAnswer | null;
  ears: number;
  /** Messages are opened one after the other, in the order they came. */
  opened: Promise<void>;
  timer: NodeJS.Timeout;
  askedAt: number;
}

interface RelayedDeps {
  readonly relay: Relay;
  readonly vault: Vault;
  readonly live: LiveAnswers;
  readonly logger: Logger;
  /** Names the inbox. */
  readonly run: string;
  /** Another broker says that a request has ended. */
  readonly onEnded: (id: string) => void;
}

export interface RelayedAnswers {
  start(): void;
  stop(): void;
  /** While this is listened to, other brokers are asked for it; the answer ends it. */
  ask(id: string): () => void;
  find(id: string): LiveAnswer | null;
  /** An answer began here that somebody elsewhere may wait for. */
  began(answer: LiveAnswer): void;
  ended(id: string): void;
}

const WANTED = 'stream:wanted';
const ASK_EVERY_MS = 3_000;
/** A wish that is not repeated is forgotten: its broker is gone, or its listeners are. */
const WISH_LASTS_MS = 3 * ASK_EVERY_MS;
const LEAST_BETWEEN_ASKS_MS = 100;
const MOST_WISHES = 10_000;

const inboxOf = (run: string): string => `stream:${run}`;

export function createRelayedAnswers(deps: RelayedDeps): RelayedAnswers {
  const { relay, vault, live, logger, run } = deps;
  /** By request, then by inbox: also of requests that run nowhere yet. */
  const wishes = new Map<string, Map<string, Asked>>();
  const unlisten = new Map<string, () => void>();
  const heard = new Map<string, Heard>();
  const ends: (() => void)[] = [];

  /** Never throws: it is called while the model is heard, who must not suffer from those who listen. */
  function send(id: string, to: string, news: News): void {
    try {
      const sealed = vault.seal(placeOf(id), Buffer.from(JSON.stringify(news)));
      relay.publish(to, `${id} ${sealed.toString('base64')}`);
    } catch (error) {
      logger.warn({ err: error, requestId: id }, 'an answer could not be relayed to another broker');
    }
  }

  /** Everybody who asked gets what he has not been sent. */
  function tell(answer: LiveAnswer): void {
    for (const [to, asked] of wishes.get(answer.id) ?? []) {
      const at = asked.at.fence === answer.fence ? asked.at : { ...START, fence: answer.fence };
      const [thinking, text] = [answer.thinking.slice(at.thinking), answer.text.slice(at.text)];
      if (thinking === '' && text === '' && at === asked.at) continue;
      send(answer.id, to, { at, thinking, text });
      asked.at = { fence: answer.fence, thinking: answer.thinking.length, text: answer.text.length };
    }
  }

  function relayFrom(answer: LiveAnswer): void {
    unlisten.get(answer.id)?.();
    // What nobody asks for any more ends with the next sweep.
    const end = live.listen(answer.id, () => {
      const now = live.find(answer.id);
      if (now) tell(now);
    });
    unlisten.set(answer.id, end);
    tell(answer);
  }

  function drop(id: string): void {
    wishes.delete(id);
    unlisten.get(id)?.();
    unlisten.delete(id);
  }

  function hearWish(message: string): void {
    const { id, to, at } = wishOf(message) ?? {};
    if (!id || !to || !at || to === inboxOf(run) || (wishes.size >= MOST_WISHES && !wishes.has(id))) return;
    const asked = wishes.get(id) ?? new Map<string, Asked>();
    wishes.set(id, asked);
    asked.set(to, { at, until: performance.now() + WISH_LASTS_MS });
    const answer = live.find(id);
    if (answer && !unlisten.has(id)) relayFrom(answer);
    else if (answer) tell(answer);
  }

  function forgetOldWishes(): void {
    for (const [id, asked] of wishes) {
      for (const [to, { until }] of asked) if (until < performance.now()) asked.delete(to);
      if (asked.size === 0) drop(id);
    }
  }

  function askFor(id: string): void {
    const one = heard.get(id);
    if (!one || live.find(id)) return;
    one.askedAt = performance.now();
    const { copy } = one;
    const at = copy ? { fence: copy.fence, thinking: copy.thinking.length, text: copy.text.length } : START;
    relay.publish(WANTED, JSON.stringify({ id, to: inboxOf(run), at } satisfies Wish));
  }

  function take(id: string, one: Heard, news: News): void {
    if (news === 'ended') return deps.onEnded(id);
    const { at, text, thinking } = news;
    if (one.copy && at.fence < one.copy.fence) return;
    if (one.copy?.fence !== at.fence) one.copy = new LiveAnswer(id, at.fence);
    const { copy } = one;
    if (at.text > copy.text.length || at.thinking > copy.thinking.length) {
      // Something before it was lost.
      if (performance.now() - one.askedAt > LEAST_BETWEEN_ASKS_MS) askFor(id);
      return;
    }
    copy.text += text.slice(copy.text.length - at.text);
    copy.thinking += thinking.slice(copy.thinking.length - at.thinking);
    live.ring(id);
  }

  function hearNews(message: string): void {
    const [id = '', sealed = ''] = message.split(' ');
    const one = heard.get(id);
    if (!one) return;
    one.opened = one.opened
      .then(async () => {
        const plain = await vault.open(placeOf(id), Buffer.from(sealed, 'base64'));
        take(id, one, JSON.parse(plain.toString('utf8')) as News);
      })
      .catch((error: unknown) =>
        logger.warn({ err: error, requestId: id }, 'part of an answer from another broker could not be read'),
      );
  }

  return {
    start: () => {
      ends.push(relay.subscribe(WANTED, hearWish), relay.subscribe(inboxOf(run), hearNews));
      const sweep = setInterval(forgetOldWishes, WISH_LASTS_MS);
      sweep.unref();
      ends.push(() => clearInterval(sweep));
    },
    stop: () => {
      for (const end of ends.splice(0)) end();
      for (const id of [...wishes.keys()]) drop(id);
    },
    find: (id) => heard.get(id)?.copy ?? null,
    ask: (id) => {
      let one = heard.get(id);
      if (!one) {
        const timer = setInterval(() => askFor(id), ASK_EVERY_MS);
        one = { copy: null, ears: 0, opened: Promise.resolve(), timer, askedAt: 0 };
        heard.set(id, one);
        askFor(id);
      }
      const mine = one;
      mine.ears += 1;
      return () => {
        mine.ears -= 1;
        if (mine.ears > 0) return;
        clearInterval(mine.timer);
        heard.delete(id);
      };
    },
    began: (answer) => {
      if (wishes.has(answer.id)) relayFrom(answer);
    },
    ended: (id) => {
      for (const to of wishes.get(id)?.keys() ?? []) send(id, to, 'ended');
      if (wishes.has(id)) drop(id);
    },
  };
}

/** Null when it is none: what comes over the wire may be of another version. */
function wishOf(message: string): Wish | null {
  try {
    return JSON.parse(message) as Wish;
  } catch {
    return null;
  }
}

const placeOf = (id: string) => ({ table: 'relay', row: id, column: 'answer' });
