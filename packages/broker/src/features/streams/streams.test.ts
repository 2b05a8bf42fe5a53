/** Listening to a request: each part of its answer once, through cuts, restarts, other brokers and slow readers. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDatabase } from '../../engines/ledger/testing/temporary-database.ts';
import { noRelay, type Relay } from '../../engines/relay/relay.ts';
import { dataKeyStore } from '../../engines/vault/data-key-store.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Request } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { openVault } from '../../testing/open-vault.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from '../worker/worker.ts';
import { piecesAfter, readPosition, writePosition, type Position } from './stream-position.ts';
import { createStreams, type StreamEvent, type StreamEvents, type Streams } from './streams.ts';

const ID = 'req_1';
const CANCELLED: CallOutcome = { kind: 'cancelled' };

/** What the rows say, shared by brokers. */
function database() {
  let row = { status: 'pending', completed_at: null, result: null } as unknown as Request;
  let fence = 0;
  return {
    set: (more: Partial<Request>, under = fence) => {
      row = { ...row, ...more };
      fence = under;
    },
    findRun: async (_key: string, id: string) => {
      if (id !== ID) throw fail('not_found');
      return { request: row, fence };
    },
  };
}

type Rows = ReturnType<typeof database>;

function broker(rows: Rows, { relay = noRelay(), vault, quietMs }: Parts = {}) {
  const ended: ((id: string) => void)[] = [];
  const streams: Streams = createStreams({
    requests: { findRun: rows.findRun, onEnded: (tell) => void ended.push(tell) },
    ...{ relay, vault: vault ?? ({} as Vault), logger: silentLogger, run: newId('run'), quietMs },
  });
  void streams.start();
  /** One attempt, told what to say from outside. */
  function attempt(fence: number) {
    const { promise, resolve } = Promise.withResolvers<CallOutcome>();
    let say: NonNullable<Job['onProgress']> = () => undefined;
    const done = streams.follow({ row: { id: ID, fence } } as Job, (job) => {
      say = job.onProgress!;
      return promise;
    });
    return {
      say: (text: string, thinking = '') => say({ text, thinking }),
      end: async () => {
        resolve(CANCELLED);
        await done;
      },
    };
  }
  function finish(text: string, fence: number): void {
    const result = { text, finish_reason: 'stop' };
    rows.set({ status: 'completed', completed_at: 'now', result } as Partial<Request>, fence);
    for (const tell of ended) tell(ID);
  }
  const listen = (after?: Position | null, signal = new AbortController().signal) =>
    streams.listen('key_1', ID, { after, signal });
  return { streams, attempt, finish, listen };
}

interface Parts {
  relay?: Relay;
  vault?: Vault;
  quietMs?: number;
}

async function next(events: StreamEvents): Promise<StreamEvent> {
  const { value, done } = await events.next();
  if (done) throw new Error('The stream has ended.');
  return value as StreamEvent;
}

async function rest(events: StreamEvents): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const textOf = (events: readonly StreamEvent[]): string =>
  events.reduce(
    (text, event) =>
      event.type === 'restart' ? '' : event.type === 'token' ? text + (event.text ?? '') : text,
    '',
  );

describe('a listener', () => {
  it('hears the state, each part as it comes, and the end', async () => {
    const rows = database();
    const { attempt, finish, listen } = broker(rows);
    const events = listen();
    expect(await next(events)).toEqual({ type: 'state', status: 'pending' });
    const call = attempt(1);
    call.say('', 'Hm.');
    expect(await next(events)).toEqual({ type: 'state', status: 'processing' });
    expect(await next(events)).toMatchObject({ type: 'token', thinking: 'Hm.' });
    call.say('Hel');
    expect(await next(events)).toMatchObject({ type: 'token', text: 'Hel' });
    call.say('lo');
    expect(await next(events)).toMatchObject({ text: 'lo', at: { fence: 1, thinking: 3, text: 5 } });
    rows.set({ status: 'processing' }, 1);
    await call.end();
    finish('Hello', 1);
    expect((await rest(events)).map(({ type }) => type)).toEqual(['state', 'done']);
  });

  it('who comes late hears what he missed, and who was cut off what follows his last event', async () => {
    const { attempt, finish, listen } = broker(database());
    const call = attempt(1);
    call.say('one two ');
    const late = listen();
    await next(late);
    const heard = await next(late);
    expect(heard).toMatchObject({ text: 'one two ' });
    call.say('three');
    const again = listen((heard as { at: Position }).at);
    await next(again);
    expect(await next(again)).toMatchObject({ text: 'three' });
    const more = next(again);
    call.say('!');
    // At once, not with the next look.
    expect(await Promise.race([more, setTimeout(3_000)])).toMatchObject({ text: '!' });
    await call.end();
    finish('one two three!', 1);
    expect(textOf(await rest(listen()))).toBe('one two three!');
    expect(textOf(await rest(listen((heard as { at: Position }).at)))).toBe('three!');
    await again.return();
  });

  it('is told to forget what a failed attempt said, once', async () => {
    const { attempt, finish, listen } = broker(database());
    const events = listen();
    await next(events);
    const first = attempt(1);
    first.say('wrong');
    await next(events);
    const { at } = (await next(events)) as { at: Position };
    await first.end();
    const second = attempt(2);
    second.say('right');
    const heard = [await next(events), await next(events)];
    expect(heard.map(({ type }) => type)).toEqual(['restart', 'token']);
    await second.end();
    finish('right', 2);
    expect(textOf(await rest(listen(at)))).toBe('right');
    expect((await rest(listen(at))).map(({ type }) => type)).toContain('restart');
    await events.return();
  });

  it('does not hear a run that has lost its claim to a later one', async () => {
    const { attempt, finish, listen } = broker(database());
    const old = attempt(1);
    const events = rest(listen({ fence: 2, thinking: 0, text: 3 }));
    await setTimeout(1);
    old.say('old');
    await setTimeout(1);
    await old.end();
    finish('new one', 2);
    expect((await events).filter(({ type }) => type !== 'state')).toMatchObject([
      { type: 'token', text: ' one' },
      { type: 'done' },
    ]);
  });

  it('who is slow gets one long part instead of many short ones', async () => {
    const { attempt, listen } = broker(database());
    const events = listen();
    await next(events);
    const call = attempt(1);
    for (let n = 0; n < 1000; n++) call.say('x');
    await next(events);
    expect(await next(events)).toMatchObject({ text: 'x'.repeat(1000) });
    await events.return();
  });

  it('hears a sign of life while there is nothing to say', async () => {
    const events = broker(database(), { quietMs: 5 }).listen();
    await next(events);
    expect(await next(events)).toEqual({ type: 'quiet' });
    await events.return();
  });

  it('of what does not exist is refused', async () => {
    const { streams } = broker(database());
    const events = streams.listen('key_1', 'req_2', { signal: new AbortController().signal });
    await expect(events.next()).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each(['the signal', 'a stop of the daemon'])('is let go by %s, without an end', async (by) => {
    const { streams, listen } = broker(database());
    const controller = new AbortController();
    const events = listen(null, controller.signal);
    await next(events);
    const left = rest(events);
    if (by === 'the signal') controller.abort();
    else streams.release();
    expect(await left).toEqual([]);
  });

  it('holds nobody up once he has left', async () => {
    const { attempt, listen } = broker(database());
    const call = attempt(1);
    const events = listen();
    await next(events);
    await events.return();
    call.say('unheard');
    await call.end();
  });
});

let vault: Vault;
beforeAll(async () => {
  const { sequelize } = await temporaryDatabase();
  vault = await openVault(randomBytes(32), dataKeyStore(sequelize));
});

/** Two brokers on one relay that may lose messages. */
function pair(lose: (count: number) => boolean = () => false, times = 1) {
  const channels = new Map<string, Set<(message: string) => void>>();
  const sent: string[] = [];
  const relay: Relay = {
    publish: (channel, message) => {
      sent.push(message);
      if (lose(sent.length)) return;
      for (let n = 0; n < times; n++)
        setImmediate(() => channels.get(channel)?.forEach((hear) => hear(message)));
    },
    subscribe: (channel, hear) => {
      const all = channels.get(channel) ?? new Set();
      channels.set(channel, all.add(hear));
      return () => void all.delete(hear);
    },
    close: async () => undefined,
  };
  const rows = database();
  return { here: broker(rows, { relay, vault }), there: broker(rows, { relay, vault }), sent, rows };
}

describe('on another broker', () => {
  it('a listener hears the same, whether he came before the answer began or later', async () => {
    const { here, there } = pair();
    const early = there.listen();
    await next(early);
    const call = here.attempt(1);
    call.say('one ');
    const late = there.listen();
    const heard = [rest(early), rest(late)];
    for (const word of ['two ', 'three ', 'four']) {
      call.say(word);
      await new Promise(setImmediate);
    }
    await call.end();
    here.finish('one two three four', 1);
    for (const events of await Promise.all(heard)) {
      expect(textOf(events)).toBe('one two three four');
      expect(events.at(-1)!.type).toBe('done');
    }
  });

  it('nothing is relayed unless somebody listens there, and nothing of an answer in the open', async () => {
    const { here, there, sent } = pair();
    const call = here.attempt(1);
    call.say('secret');
    expect(sent).toEqual([]);
    const events = there.listen();
    await next(events);
    await next(events);
    expect(await next(events)).toMatchObject({ text: 'secret' });
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.join()).not.toContain('secret');
    await events.return();
  });

  it('the whole answer comes when it is stored, where nothing is relayed', async () => {
    const rows = database();
    const [here, there] = [broker(rows), broker(rows)];
    const heard = rest(there.listen());
    const call = here.attempt(1);
    call.say('whole');
    await call.end();
    here.finish('whole', 1);
    expect(textOf(await heard)).toBe('whole');
  });

  it('what comes twice is heard once', async () => {
    const { here, there } = pair(() => false, 2);
    const heard = rest(there.listen());
    await new Promise(setImmediate);
    const call = here.attempt(1);
    for (const word of ['one ', 'two ', 'three']) {
      call.say(word);
      await setTimeout(2);
    }
    await call.end();
    await setTimeout(2);
    here.finish('one two three', 1);
    const events = await heard;
    expect(textOf(events)).toBe('one two three');
    expect(events.filter(({ type }) => type === 'token').length).toBeGreaterThan(1);
  });

  it('what is lost on the way comes all the same, once', async () => {
    const { here, there } = pair((count) => count % 3 === 0);
    const heard = rest(there.listen());
    await new Promise(setImmediate);
    const call = here.attempt(1);
    const words = Array.from({ length: 60 }, (_, n) => `w${n} `);
    for (const word of words) {
      call.say(word);
      await new Promise(setImmediate);
    }
    await call.end();
    here.finish(words.join(''), 1);
    expect(textOf(await heard)).toBe(words.join(''));
  });
});

describe('a position', () => {
  it('goes through a long answer in short pieces that cut no character', () => {
    const answer = { thinking: 'x'.repeat(5000), text: `a${'😀'.repeat(5000)}` };
    const pieces = piecesAfter({ fence: 1, thinking: 4000, text: 0 }, answer);
    expect(pieces.map(({ thinking = '' }) => thinking).join('')).toBe('x'.repeat(1000));
    expect(pieces.map(({ text = '' }) => text).join('')).toBe(answer.text);
    for (const { text = '' } of pieces) expect(text.isWellFormed() && text.length <= 4096).toBe(true);
    expect(pieces.at(-1)!.at).toEqual({ fence: 1, thinking: 5000, text: answer.text.length });
  });

  it('is read as it was written, and nothing else is one', () => {
    expect(readPosition(writePosition({ fence: 2, thinking: 0, text: 41 }))).toEqual({
      ...{ fence: 2, thinking: 0, text: 41 },
    });
    for (const wrong of ['', '1', '1.2', '1.2.3.4', '-1.2.3', 'a.b.c', '1.2.3 ', '1.2.99999999999999'])
      expect(readPosition(wrong), wrong).toBeNull();
  });
});
