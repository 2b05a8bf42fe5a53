/** Requests on a real ledger, a real vault and real lanes: what is accepted, shown, waited for and cancelled. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RequestRow } from '../../engines/ledger/ledger.ts';
import type { CreateRequest } from '../../kernel/contract.generated.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { ledger, nobody, open, OWNER } from './testing/requests-bench.ts';
import type { Arrival } from './requests.ts';

const iso = (at: number): string => new Date(at).toISOString();

describe('a request that is accepted', () => {
  it('is shown as it was asked for, and the same when it is looked up', async () => {
    const { requests, accept, keyId } = open();
    const [runAt, deadline] = [iso(Date.now() + 60_000), iso(Date.now() + 120_000)];
    const input = { model: 'm:1b', priority: 9, metadata: { a: [1, 'é'] }, run_at: runAt, deadline };
    const request = await accept(input);
    expect(request).toMatchObject({ ...input, status: 'pending', attempts: 0, result: null, error: null });
    expect(await requests.find(keyId, request.id)).toEqual(request);
  });

  it('is in the queue it names, with the priority of that queue unless it has its own, and is found by it', async () => {
    const { requests, accept, keyId } = open();
    expect(await accept()).toMatchObject({ queue: 'default', degraded: false });
    const { id } = await accept({ queue: 'chat' });
    expect(await requests.find(keyId, id)).toMatchObject({ queue: 'chat', degraded: false });
    const { items } = await requests.list(keyId, { queue: 'chat' });
    expect(items.map((one) => one.id)).toEqual([id]);
    const arrival = { key: { id: keyId }, input: { prompt: 'Hi' }, idempotencyKey: null } as Arrival;
    const priorityOf = async (more: Partial<Arrival>) =>
      (await requests.accept({ ...arrival, ...more }, nobody)).request.priority;
    expect(await priorityOf({ defaultPriority: 8 })).toBe(8);
    expect(await priorityOf({ defaultPriority: null })).toBe(5);
    expect(await priorityOf({ defaultPriority: 8, input: { prompt: 'Hi', priority: 1 } })).toBe(1);
  });

  it('that its fallback model has answered says so, and is tried again on the model it was sent for', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const request = await accept();
    const row = await claim();
    const laneId = await ledger.lanes.idOf({ queue: 'default', keyId, band: 2, model: 'small:latest' });
    const error = {
      code: 'upstream_failed',
      sealed: requests.sealError(row.id, { code: 'upstream_failed', message: 'x' }),
    };
    await end(row, { to: 'delayed', delayMs: -1, laneId, result: undefined, error });
    expect(await requests.find(keyId, request.id)).toMatchObject({ model: 'small:latest', degraded: true });
    await ledger.sweeps.wake();
    await end(await claim('small:latest'), { to: 'failed', result: undefined, error });
    const again = await requests.retry((await ledger.find(request.id))!);
    expect(await requests.find(keyId, again!)).toMatchObject({ model: 'usual:1b', degraded: false });
  });

  it('has the usual model and priority when it names none', async () => {
    const { accept } = open();
    expect(await accept()).toMatchObject({ model: 'usual:1b', priority: 5, metadata: null, run_at: null });
  });

  it('has its lane made active, but only when it may run now', async () => {
    const { accept, activeLanes } = open();
    const next = (model: string, band: number) =>
      activeLanes.next(listOf({ queue: 'default', band, model: `${model}:latest` }), 9);
    await accept({ model: 'later', run_at: iso(Date.now() + 60_000) });
    await accept({ model: 'now', run_at: iso(Date.now() - 60_000), priority: 9 });
    expect(await next('later', 2)).toEqual([]);
    expect(await next('now', 4)).toHaveLength(1);
  });

  it('is accepted all the same when the active lanes are away', async () => {
    const { requests, accept, activeLanes, keyId, lines } = open();
    activeLanes.activate = () => Promise.reject(new Error('Redis is away'));
    const { id } = await accept();
    expect((await requests.find(keyId, id)).status).toBe('pending');
    expect(lines).toHaveLength(1);
  });

  it('is refused with a deadline that has passed or comes before its time, and with too much metadata', async () => {
    const { requests, accept, keyId } = open();
    const later = iso(Date.now() + 60_000);
    const wrong: [Partial<CreateRequest>, string][] = [
      [{ deadline: iso(Date.now() - 1) }, '/deadline'],
      [{ deadline: later, run_at: later }, '/deadline'],
      [{ metadata: { much: 'x'.repeat(16 * 1024) } }, '/metadata'],
    ];
    for (const [input, pointer] of wrong)
      await expect(accept(input)).rejects.toMatchObject({
        code: 'validation_failed',
        details: { errors: [{ pointer }] },
      });
    expect((await requests.list(keyId, {})).items).toEqual([]);
  });

  it('may have exactly 16 KiB of metadata, counted as JSON', async () => {
    const { accept } = open();
    const of = (bytes: number) => ({ metadata: { a: 'x'.repeat(bytes - '{"a":""}'.length) } });
    expect((await accept(of(16 * 1024))).metadata).not.toBeNull();
    await expect(accept(of(16 * 1024 + 1))).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('is nowhere readable in the database', async () => {
    const { accept, keyId, claim, end } = open();
    const { id } = await accept({ prompt: 'canary-prompt', metadata: { tag: 'canary-metadata' } });
    await end(await claim());
    const row = await ledger.find(id);
    const stored = Buffer.concat([row!.metadata!, row!.result!]);
    expect(stored.includes('canary') || stored.includes('Hello')).toBe(false);
    expect(row?.keyId).toBe(keyId);
  });
});

describe('a request that is looked up', () => {
  it('is shown with its answer, usage and times when it has ended', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const { id } = await accept();
    await end(await claim(), { promptTokens: 3, completionTokens: 4 });
    const request = await requests.find(keyId, id);
    expect(request).toMatchObject({
      ...{ status: 'completed', attempts: 1, processing_time: 12, error: null },
      result: { text: 'Hello', finish_reason: 'stop' },
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    });
    expect(Date.parse(request.completed_at!)).toBeGreaterThanOrEqual(Date.parse(request.started_at!));
  });

  it('says why it failed, why it waits again, and that its deadline passed', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const why = { code: 'upstream_failed', message: 'It broke.' } as const;
    const error = (id: string) => ({ code: why.code, sealed: requests.sealError(id, why) });
    for (const to of ['failed', 'delayed'] as const) {
      const { id } = await accept();
      await end(await claim(), { to, delayMs: 60_000, result: undefined, error: error(id) });
      const status = to === 'failed' ? 'failed' : 'pending';
      expect(await requests.find(keyId, id)).toMatchObject({ status, error: why, attempts: 1 });
    }
    const { id } = await accept({ deadline: iso(Date.now() + 2) });
    while ((await requests.find(keyId, id)).status === 'pending') await ledger.sweeps.wake();
    const found = await requests.find(keyId, id);
    expect(found).toMatchObject({ status: 'expired', error: { code: 'deadline_exceeded' }, result: null });
  });

  it('says so when its workers died', async () => {
    const { requests, accept, claim, keyId } = open();
    const { id } = await accept();
    for (let death = 0; death < 3; death++) {
      await claim();
      await ledger.sweeps.rescue({ owner: OWNER }, requests.poisonError);
    }
    expect(await requests.find(keyId, id)).toMatchObject({ status: 'failed', error: { code: 'poison' } });
  });

  it('is not found by another key, nor under an id that is none', async () => {
    const { requests, accept, keyId } = open();
    const { id } = await accept();
    await expect(requests.find(newId('key'), id)).rejects.toMatchObject({ code: 'not_found' });
    for (const other of [newId('req'), newId('key'), "' OR 1=1", ''])
      await expect(requests.find(keyId, other)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('with time to wait is answered at its end, or as it is when the time is over or the daemon stops', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const [first, second] = [await accept(), await accept()];
    const waiting = requests.find(keyId, first.id, { waitMs: 20_000 });
    await end(await claim());
    expect((await waiting).status).toBe('completed');
    expect((await requests.find(keyId, second.id, { waitMs: 5 })).status).toBe('pending');
    const long = requests.find(keyId, second.id, { waitMs: 20_000 });
    requests.releaseWaiting();
    expect((await long).status).toBe('pending');
  });
});

describe('a call that waits for what it had accepted', () => {
  it('is answered when it hears of the end, and finds an end that nobody announces', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const limit = { waitMs: 20_000 };
    const heard = requests.follow(keyId, { request: await accept(), isRepeated: false }, limit);
    await end(await claim());
    expect((await heard).status).toBe('completed');
    const unheard = requests.follow(keyId, { request: await accept(), isRepeated: false }, limit);
    const { id, fence } = await claim();
    const how = { to: 'failed', countsAttempt: true, notify: false } as const;
    await ledger.settle({ id, fence, owner: OWNER, ...how });
    expect((await unheard).status).toBe('failed');
  });

  it('reads nothing more when whoever tells of the end brings the row', async () => {
    const { requests, accept, claim, keyId } = open();
    const reads = vi.spyOn(ledger, 'find');
    onTestFinished(() => reads.mockRestore());
    const limit = { waitMs: 20_000 };
    const request = await accept();
    const { id, fence } = await claim();
    expect(requests.awaits(id)).toBe(false);
    const found = requests.find(keyId, id, limit);
    await vi.waitFor(() => expect(reads).toHaveBeenCalledTimes(2));
    await Promise.all(reads.mock.results.map(({ value }) => value));
    expect(requests.awaits(id)).toBe(true);
    let row: RequestRow | undefined;
    const how = { to: 'failed', countsAttempt: true, notify: false } as const;
    await ledger.settle({ id, fence, owner: OWNER, ...how, onWritten: (left) => (row = left) });
    const followed = requests.follow(keyId, { request, isRepeated: false }, limit);
    requests.ended(id, { keyId, tokens: 0, row });
    expect((await followed).status).toBe('failed');
    expect(await found).toEqual(await followed);
    expect(reads).toHaveBeenCalledTimes(2);
  });

  it('listens for no end that may have come before: what was started early is looked at', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const request = await accept();
    await end(await claim());
    // Whoever listens in vain would look when a time is over that never comes here.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const accepted = { request, isRepeated: false, isUnderWay: true };
    expect((await requests.follow(keyId, accepted, { waitMs: 20_000 })).status).toBe('completed');
  });

  it('is answered at once for a repeated request that has ended, and in time for one that does not end', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const request = await accept();
    await end(await claim());
    const repeated = await requests.follow(keyId, { request, isRepeated: true }, { waitMs: 20_000 });
    expect(repeated.status).toBe('completed');
    const pending = await requests.follow(
      keyId,
      { request: await accept(), isRepeated: false },
      { waitMs: 5 },
    );
    expect(pending.status).toBe('pending');
  });

  it('is told that it is accepted when the waiting breaks', async () => {
    const { requests, accept, keyId, lines } = open();
    const accepted = await accept();
    armFailpoints('wait.before_look:error');
    const followed = requests.follow(keyId, { request: accepted, isRepeated: false }, { waitMs: 5_000 });
    expect(await followed).toEqual(accepted);
    expect(lines).toEqual(['a call could not wait for its request']);
    // Who only looks has lost nothing and is told of the failure.
    await expect(requests.find(keyId, accepted.id, { waitMs: 5_000 })).rejects.toThrow('fired');
  });
});

describe('a request whose lane cannot be made active', () => {
  it.each([
    'accept.before_activate:error',
    'accept.after_activate:error',
    'accept.before_activate:duplicate',
  ])('or is made so in doubt (%s), is accepted once all the same', async (failpoints) => {
    const { accept, claim } = open();
    armFailpoints(failpoints);
    const { id } = await accept();
    expect((await claim())?.id).toBe(id);
    expect(await claim()).toBeUndefined();
  });
});

describe('requests that are listed', () => {
  it('come newest first, page by page, each once, and only those of the key', async () => {
    const [one, other] = [open(), open()];
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await one.accept({ model: i % 2 ? 'odd' : 'even' })).id);
    await other.accept();
    const seen: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await one.requests.list(one.keyId, { limit: 2, cursor });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(ids);
    const { items } = await one.requests.list(one.keyId, { model: 'odd' });
    expect(items.map((item) => item.id)).toEqual([ids[1], ids[3]]);
    expect((await one.requests.list(one.keyId, { created_after: iso(Date.now() + 1_000) })).items).toEqual(
      [],
    );
  });

  it('come in shorter pages where their answers are large', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift((await accept()).id);
    const text = 'x'.repeat(5 * 1024 * 1024);
    for (const id of ids.toReversed())
      await end(await claim(), { result: requests.sealResult(id, { text, finish_reason: 'stop' }) });
    const first = await requests.list(keyId, {});
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const second = await requests.list(keyId, { cursor: first.next_cursor! });
    expect(second.items.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(second.next_cursor).toBeNull();
  });

  it('under pending are those that wait for their next attempt, too', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const ids = [await accept(), await accept(), await accept()].map((request) => request.id);
    await end(await claim());
    await end(await claim(), { to: 'delayed', delayMs: 60_000, result: undefined });
    const { items } = await requests.list(keyId, { status: 'pending' });
    expect(items.map((item) => item.id)).toEqual([ids[2], ids[1]]);
  });

  it('are refused with a cursor that is none', async () => {
    const { requests, keyId } = open();
    for (const cursor of ['x', newId('key')])
      await expect(requests.list(keyId, { cursor })).rejects.toMatchObject({ code: 'invalid_cursor' });
  });
});

describe('a request that is cancelled', () => {
  it('tells whoever runs it and whoever waits for it, and may be cancelled again', async () => {
    const { requests, accept, claim, keyId } = open();
    const heard: string[] = [];
    requests.onCancel((one) => void heard.push(one));
    const { id } = await accept();
    const waiting = requests.find(keyId, id, { waitMs: 20_000 });
    await claim();
    expect((await requests.cancel(keyId, id)).status).toBe('cancelled');
    expect((await waiting).status).toBe('cancelled');
    expect(heard).toEqual([id]);
    expect((await requests.cancel(keyId, id)).status).toBe('cancelled');
  });

  it('is told of by the second call when the first wrote it and broke before it could', async () => {
    const { requests, accept, claim, keyId } = open();
    const heard: string[] = [];
    requests.onCancel((one) => void heard.push(one));
    const { id } = await accept();
    await claim();
    armFailpoints('cancel.after_write:error@1');
    await expect(requests.cancel(keyId, id)).rejects.toThrow('fired');
    expect((await requests.find(keyId, id)).status).toBe('cancelled');
    expect(heard).toEqual([]);
    expect((await requests.cancel(keyId, id)).status).toBe('cancelled');
    expect(heard).toEqual([id]);
  });

  it('is a conflict after any other end, and not found for another key', async () => {
    const { requests, accept, claim, end, keyId } = open();
    const { id } = await accept();
    await expect(requests.cancel(newId('key'), id)).rejects.toMatchObject({ code: 'not_found' });
    await end(await claim());
    await expect(requests.cancel(keyId, id)).rejects.toMatchObject({ code: 'conflict' });
    expect((await requests.find(keyId, id)).status).toBe('completed');
  });
});

describe('a request whose result was sealed for another row', () => {
  it('says that it is unreadable, shows nothing, and keeps no other from its reader', async () => {
    const { requests, accept, claim, end, keyId, lines } = open();
    const [broken, whole] = [await accept(), await accept()];
    const foreign = requests.sealResult(whole.id, { text: 'Not yours', finish_reason: 'stop' });
    await end(await claim(), { result: foreign });
    await end(await claim());
    expect(await requests.find(keyId, broken.id)).toMatchObject({
      ...{ status: 'completed', result: null },
      error: { code: 'unreadable', message: 'The stored result could not be decrypted.' },
    });
    expect(lines).toEqual(['a stored result cannot be decrypted']);
    const { items } = await requests.list(keyId, {});
    expect(items.map(({ id, result }) => [id, result?.text])).toEqual([
      [whole.id, 'Hello'],
      [broken.id, undefined],
    ]);
  });
});
