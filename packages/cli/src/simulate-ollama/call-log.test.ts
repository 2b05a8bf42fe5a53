import { describe, expect, it } from 'vitest';
import { promptHash } from './answers.ts';
import { createCallLog, KEPT_CALLS } from './call-log.ts';

describe('createCallLog', () => {
  it('keeps the last calls, and counts all', () => {
    const log = createCallLog();
    for (let id = 1; id <= KEPT_CALLS + 5; id++) log.begin('/api/chat', { id }, 10).end('completed', 200);
    const kept = log.recent();
    expect(kept).toHaveLength(KEPT_CALLS);
    expect([kept[0]?.id, kept.at(-1)?.id]).toEqual([6, KEPT_CALLS + 5]);
    expect(log.recent(2).map((call) => call.body)).toEqual([{ id: KEPT_CALLS + 4 }, { id: KEPT_CALLS + 5 }]);
    expect(log.counters()).toMatchObject({ calls: KEPT_CALLS + 5, completed: KEPT_CALLS + 5, running: 0 });
  });

  it('forgets the oldest bodies when they grow too many bytes', () => {
    const log = createCallLog();
    const mebibyte = 1024 * 1024;
    for (let id = 1; id <= 3; id++) log.begin('/api/chat', { id }, 30 * mebibyte);
    expect(log.recent().map((call) => call.body)).toEqual([undefined, { id: 2 }, { id: 3 }]);
    for (let id = 4; id <= KEPT_CALLS + 3; id++) log.begin('/api/chat', { id }, 1);
    log.begin('/api/chat', 'large', 60 * mebibyte);
    expect(log.recent(2).map((call) => call.body)).toEqual([{ id: KEPT_CALLS + 3 }, 'large']);
  });

  it('counts the calls and the answers of every prompt', () => {
    const log = createCallLog();
    const [one, two] = [promptHash('one'), promptHash('two')];
    const begin = (hashes: string[]) => {
      const call = log.begin('/api/embed', {}, 2);
      call.asks(hashes);
      return call;
    };
    begin([one]).end('failed', 500);
    begin([one, two]).end('completed', 200);
    expect(log.promptCalls()).toEqual({
      [one]: { calls: 2, completed: 1 },
      [two]: { calls: 1, completed: 1 },
    });
  });

  it('believes the first word about how a call ended', () => {
    const log = createCallLog();
    const call = log.begin('/api/chat', {}, 2);
    call.end('cancelled');
    call.end('completed', 200);
    expect(log.recent()[0]).toMatchObject({ outcome: 'cancelled', status: undefined });
    expect(log.counters()).toMatchObject({ cancelled: 1, completed: 0 });
  });

  it('is not disturbed after a reset by the end of an earlier call', () => {
    const log = createCallLog();
    const call = log.begin('/api/chat', {}, 2);
    log.reset();
    call.end('completed', 200);
    expect(log.counters()).toMatchObject({ calls: 0, running: 0, completed: 0 });
  });
});
