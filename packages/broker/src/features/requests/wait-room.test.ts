/** Where calls wait: woken at once, never kept too long, and nothing left behind. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createWaitRoom } from './wait-room.ts';

/** Time that passes when the test says so. */
function holdTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** A request that has not ended until the test says so, and how often it was looked at. */
function request() {
  const state = { answer: null as string | null, looks: 0 };
  const look = async (): Promise<string | null> => {
    state.looks += 1;
    return state.answer;
  };
  return { state, look };
}

const tick = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('a call that waits for a request', () => {
  it('is answered at once when the request has ended already', async () => {
    holdTime();
    const { state, look } = request();
    state.answer = 'done';
    expect(await createWaitRoom().wait('a', look, { waitMs: 1_000 })).toBe('done');
    expect(state.looks).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is answered when the end is announced, and not by another request', async () => {
    holdTime();
    const room = createWaitRoom();
    const { state, look } = request();
    const answer = room.wait('a', look, { waitMs: 10_000 });
    await tick();
    state.answer = 'done';
    room.wake('b');
    await tick();
    expect(state.looks).toBe(1);
    room.wake('a');
    expect(await answer).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may first only listen: until it hears of the end, for so long, or until the room closes', async () => {
    holdTime();
    const room = createWaitRoom();
    const heard: string[] = [];
    const hear = (id: string): void => void room.hear(id, { waitMs: 50 }).then(() => heard.push(id));
    for (const id of ['a', 'b']) hear(id);
    room.wake('a');
    await tick();
    expect(heard).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(50);
    expect(heard).toEqual(['a', 'b']);
    hear('c');
    room.close();
    await tick();
    hear('d');
    await tick();
    expect(heard).toEqual(['a', 'b', 'c', 'd']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('need not look when whoever announces the end brings what has become of it', async () => {
    holdTime();
    const room = createWaitRoom<string>();
    const { state, look } = request();
    const answers = [
      room.wait('a', look, { waitMs: 10_000 }),
      room.wait('a', look, { waitMs: 10_000 }),
      room.hear('a', { waitMs: 50 }),
      room.hear('b', { waitMs: 50 }),
    ];
    await tick();
    expect([room.awaits('a'), room.awaits('c')]).toEqual([true, false]);
    room.wake('a', 'done');
    await vi.advanceTimersByTimeAsync(50);
    expect(await Promise.all(answers)).toEqual(['done', 'done', 'done', null]);
    expect(state.looks).toBe(2);
    expect([room.awaits('a'), room.awaits('b')]).toEqual([false, false]);
  });

  it('does not miss an end that is announced while it looks', async () => {
    holdTime();
    const room = createWaitRoom();
    let looks = 0;
    const look = async (): Promise<string | null> => {
      looks += 1;
      if (looks === 1) room.wake('a');
      return looks === 1 ? null : 'done';
    };
    expect(await room.wait('a', look, { waitMs: 10_000 })).toBe('done');
    expect(looks).toBe(2);
  });

  it('goes on waiting when it was woken for nothing', async () => {
    holdTime();
    const room = createWaitRoom();
    const { state, look } = request();
    const answer = room.wait('a', look, { waitMs: 10_000 });
    for (let i = 0; i < 5; i++) {
      await tick();
      room.wake('a');
    }
    state.answer = 'done';
    room.wake('a');
    expect(await answer).toBe('done');
  });

  it('looks by itself every second, for an end that another broker wrote', async () => {
    holdTime();
    const { state, look } = request();
    const answer = createWaitRoom().wait('a', look, { waitMs: 10_000 });
    await vi.advanceTimersByTimeAsync(2_500);
    expect(state.looks).toBe(3);
    state.answer = 'done';
    await vi.advanceTimersByTimeAsync(500);
    expect(await answer).toBe('done');
  });

  it('gets nothing after its time, having looked one last time', async () => {
    holdTime();
    const { state, look } = request();
    const answer = createWaitRoom().wait('a', look, { waitMs: 1_500 });
    await vi.advanceTimersByTimeAsync(1_499);
    const before = state.looks;
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toBeNull();
    expect(state.looks).toBe(before + 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('looks once and does not wait when it has no time', async () => {
    const { state, look } = request();
    expect(await createWaitRoom().wait('a', look, { waitMs: 0 })).toBeNull();
    expect(state.looks).toBe(1);
  });

  it('ends when its client goes away', async () => {
    holdTime();
    const client = new AbortController();
    const { look } = request();
    const answer = createWaitRoom().wait('a', look, { waitMs: 10_000, signal: client.signal });
    await tick();
    client.abort();
    expect(await answer).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('hears of a look that fails', async () => {
    holdTime();
    const look = (): Promise<null> => Promise.reject(new Error('away'));
    await expect(createWaitRoom().wait('a', look, { waitMs: 5_000 })).rejects.toThrow('away');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('many calls that wait', () => {
  it('for one request are all answered by one end, without a warning from Node', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const room = createWaitRoom();
    const { state, look } = request();
    const answers = Array.from({ length: 200 }, () => room.wait('a', look, { waitMs: 10_000 }));
    await new Promise((resolve) => setImmediate(resolve));
    state.answer = 'done';
    room.wake('a');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['done']));
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  it('wake each other: what one finds by looking, the others need not wait for', async () => {
    holdTime();
    const room = createWaitRoom();
    const { state, look } = request();
    const early = room.wait('a', look, { waitMs: 10_000 });
    await vi.advanceTimersByTimeAsync(600);
    state.answer = 'done';
    expect(await room.wait('a', look, { waitMs: 10_000 })).toBe('done');
    expect(await early).toBe('done');
  });

  it('all end when the room closes, and nobody waits in it any more', async () => {
    holdTime();
    const room = createWaitRoom();
    const { look } = request();
    const client = new AbortController();
    const answers = [
      room.wait('a', look, { waitMs: 10_000 }),
      room.wait('b', look, { waitMs: 10_000, signal: client.signal }),
    ];
    await tick();
    room.close();
    expect(await Promise.all(answers)).toEqual([null, null]);
    expect(await room.wait('c', look, { waitMs: 10_000 })).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });
});
