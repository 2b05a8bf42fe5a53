/** The checker is silent about good runs and names the promise that a bad one broke. */
import { describe, expect, it } from 'vitest';
import { INVARIANTS } from './checker.ts';
import { accept, cancel, completed, judge, left, names, read, run, seen } from './checker-runs.ts';

describe('a good run', () => {
  it('breaks nothing: accepted, read, completed, read again', () => {
    const { history, did } = run();
    did(accept(1), seen('a'));
    did(read('a'), seen('a', { status: 'processing' }));
    did(read('a'), completed('a', 1));
    did(read('a'), completed('a', 1));
    const settlements = [
      { id: 'a', fence: 1, to: 'delayed', isWritten: true, broker: 'b1' },
      { id: 'a', fence: 2, to: 'completed', isWritten: false, broker: 'b1' },
      { id: 'a', fence: 3, to: 'completed', isWritten: true, broker: 'b2' },
    ];
    expect(judge(history, { requests: [left(1, completed('a', 1))], settlements, fences: { a: 3 } })).toEqual(
      [],
    );
  });

  it('may hold calls of which nobody knows whether they happened, either way', () => {
    const { history } = run();
    history.begin('c1', accept(1)).info('timed out');
    history.begin('c1', accept(2)).info('503');
    history.begin('c1', accept(3));
    expect(judge(history, { requests: [left(2, completed('b', 2))] })).toEqual([]);
  });

  it('may read the past while the end is being written: the calls overlap', () => {
    const { history, did } = run();
    did(accept(1), seen('a'));
    const slow = history.begin('c2', read('a'));
    did(read('a'), completed('a', 1));
    slow.ok(seen('a', { status: 'processing' }));
    expect(judge(history, { requests: [left(1, completed('a', 1))] })).toEqual([]);
  });

  it('may hold cancels that came in time, too late, or nobody knows', () => {
    const { history, did } = run();
    const cancelled = seen('a', { status: 'cancelled', completedAt: 'T2' });
    did(accept(1), seen('a'));
    did(cancel('a'), cancelled);
    did(accept(2), seen('b'));
    history.begin('c1', cancel('b')).fail(409, 'conflict');
    did(read('b'), completed('b', 2));
    did(accept(3), seen('c'));
    history.begin('c1', cancel('c')).info('reset');
    const requests = [left(1, cancelled), left(2, completed('b', 2)), left(3, completed('c', 3))];
    expect(judge(history, { requests })).toEqual([]);
  });

  it('may repeat a call under its key and a webhook under its id', () => {
    const { history, did } = run();
    const intent = accept(1, { idempotencyKey: 'k', isReceived: true });
    history.begin('c1', intent).info('timed out');
    did(intent, seen('a'));
    did(intent, seen('a'));
    for (const _ of [1, 2]) history.receive({ messageId: 'm1', requestId: 'a', isSigned: true });
    expect(judge(history, { requests: [left(1, completed('a', 1))] }, { hasWebhooks: true })).toEqual([]);
  });
});

/** Each bad history, and the promise it breaks. */
const BAD: Record<string, { breaks: (keyof typeof INVARIANTS)[]; judged: () => ReturnType<typeof judge> }> = {
  'an accepted request that is gone': {
    breaks: ['I1'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, { requests: [] });
    },
  },
  'an accepted request that never ends': {
    breaks: ['I1'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, { requests: [left(1, seen('a', { status: 'processing' }))] });
    },
  },
  'a request of an unanswered call that was stored and never ends': {
    breaks: ['I1'],
    judged: () => {
      const { history } = run();
      history.begin('c1', accept(1)).info('timed out');
      return judge(history, { requests: [left(1, seen('a'))] });
    },
  },
  'a reader who is told that an accepted request does not exist': {
    breaks: ['I1'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      history.begin('c1', read('a')).fail(404, 'not_found');
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'two readers who see two ends': {
    breaks: ['I2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(read('a'), completed('a', 1));
      return judge(history, { requests: [left(1, completed('a', 1, { completedAt: 'T2' }))] });
    },
  },
  'a completed request that becomes failed': {
    breaks: ['I2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(read('a'), completed('a', 1));
      return judge(history, { requests: [left(1, seen('a', { status: 'failed', errorCode: 'poison' }))] });
    },
  },
  'a request that is pending again after it had ended': {
    breaks: ['I2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(read('a'), completed('a', 1));
      did(read('a'), seen('a'));
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'a request that had ended according to a refused cancel and runs afterwards': {
    breaks: ['I2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      history.begin('c1', cancel('a')).fail(409, 'conflict');
      did(read('a'), seen('a', { status: 'processing' }));
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'a cancelled request that completes all the same': {
    breaks: ['I2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(cancel('a'), seen('a', { status: 'cancelled', completedAt: 'T1' }));
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'the answer to another prompt': {
    breaks: ['I3'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, { requests: [left(1, completed('a', 2))] });
    },
  },
  'half of an answer, seen by a reader only': {
    breaks: ['I2', 'I3'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(read('a'), completed('a', 1, { text: 'm says' }));
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'an end written under an old fence': {
    breaks: ['I4'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, {
        requests: [left(1, completed('a', 1))],
        settlements: [{ id: 'a', fence: 1, to: 'completed', isWritten: true, broker: 'b1' }],
        fences: { a: 2 },
      });
    },
  },
  'two ends of one request in the logs': {
    breaks: ['I4', 'I4'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      const end = { id: 'a', to: 'completed', isWritten: true };
      return judge(history, {
        requests: [left(1, completed('a', 1))],
        settlements: [
          { ...end, fence: 1, broker: 'b1' },
          { ...end, fence: 2, broker: 'b2' },
        ],
        fences: { a: 2 },
      });
    },
  },
  'one claim in two hands': {
    breaks: ['I4'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, {
        requests: [left(1, completed('a', 1))],
        settlements: [
          { id: 'a', fence: 1, to: 'completed', isWritten: true, broker: 'b1' },
          { id: 'a', fence: 1, to: 'completed', isWritten: false, broker: 'b2' },
        ],
        fences: { a: 1 },
      });
    },
  },
  'more attempts than allowed': {
    breaks: ['I4'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, { requests: [left(1, completed('a', 1, { attempts: 6 }))] });
    },
  },
  'an end that no webhook told of': {
    breaks: ['I5'],
    judged: () => {
      const { history, did } = run();
      did(accept(1, { isReceived: true }), seen('a'));
      return judge(history, { requests: [left(1, completed('a', 1))] }, { hasWebhooks: true });
    },
  },
  'a webhook with a wrong signature': {
    breaks: ['I5', 'I5'],
    judged: () => {
      const { history, did } = run();
      did(accept(1, { isReceived: true }), seen('a'));
      history.receive({ messageId: 'm1', requestId: 'a', isSigned: false });
      return judge(history, { requests: [left(1, completed('a', 1))] }, { hasWebhooks: true });
    },
  },
  'a webhook under two ids': {
    breaks: ['I5'],
    judged: () => {
      const { history, did } = run();
      did(accept(1, { isReceived: true }), seen('a'));
      for (const messageId of ['m1', 'm2']) history.receive({ messageId, requestId: 'a', isSigned: true });
      return judge(history, { requests: [left(1, completed('a', 1))] }, { hasWebhooks: true });
    },
  },
  'a webhook that tells of a request nobody has': {
    breaks: ['I5'],
    judged: () => {
      const { history } = run();
      history.receive({ messageId: 'm1', requestId: 'a', isSigned: true });
      return judge(history, { requests: [] }, { hasWebhooks: true });
    },
  },
  'one idempotency key with two requests': {
    breaks: ['I6', 'S1'],
    judged: () => {
      const { history, did } = run();
      const intent = accept(1, { idempotencyKey: 'k' });
      did(intent, seen('a'));
      did(intent, seen('b'));
      return judge(history, { requests: [left(1, completed('a', 1)), left(1, completed('b', 1))] });
    },
  },
  'one request given to two callers': {
    breaks: ['I6'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      did(accept(2), seen('a'));
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'a cancelled request with a result': {
    breaks: ['I7'],
    judged: () => {
      const { history, did } = run();
      const cancelled = completed('a', 1, { status: 'cancelled' });
      did(accept(1), seen('a'));
      did(cancel('a'), cancelled);
      return judge(history, { requests: [left(1, cancelled)] });
    },
  },
  'a request that was cancelled by nobody': {
    breaks: ['I7'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      return judge(history, { requests: [left(1, seen('a', { status: 'cancelled', completedAt: 'T1' }))] });
    },
  },
  'a call that made two requests': {
    breaks: ['S1'],
    judged: () => {
      const { history } = run();
      history.begin('c1', accept(1)).info('reset');
      return judge(history, { requests: [left(1, completed('a', 1)), left(1, completed('b', 1))] });
    },
  },
  'a request that nobody sent': {
    breaks: ['S1'],
    judged: () => judge(run().history, { requests: [left(null, completed('a', 1))] }),
  },
  'a refused call that made a request': {
    breaks: ['S1', 'S2'],
    judged: () => {
      const { history } = run();
      history.begin('c1', accept(1)).fail(429, 'too many');
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'a good key that is refused': {
    breaks: ['S2'],
    judged: () => {
      const { history, did } = run();
      did(accept(1), seen('a'));
      history.begin('c1', read('a')).fail(401, 'unauthorized');
      return judge(history, { requests: [left(1, completed('a', 1))] });
    },
  },
  'one that overtook another in a lane with one slot': {
    breaks: ['I8'],
    judged: () => {
      const { history, did } = run();
      const at = (second: number) => ({ completedAt: `2026-01-01T00:00:0${second}Z` });
      did(accept(1), seen('a'));
      did(accept(2), seen('b'));
      const requests = [left(1, completed('a', 1, at(2))), left(2, completed('b', 2, at(1)))];
      // What is asked again afterwards is not younger for that.
      const again = run();
      again.did(accept(2), seen('b'));
      again.did(accept(1), seen('a'));
      again.did(accept(2), seen('b'));
      const judged = judge(again.history, { requests }, { isInOrder: true });
      expect(judged.filter(({ invariant }) => invariant === 'I8')).toEqual([]);
      const elsewhere = { ...left(2, completed('b', 2, at(1))), lane: 'another' };
      expect(judge(history, { requests })).toEqual([]);
      expect(judge(history, { requests: [requests[0]!, elsewhere] }, { isInOrder: true })).toEqual([]);
      return judge(history, { requests }, { isInOrder: true });
    },
  },
  'more calls of a model than slots': {
    breaks: ['I10'],
    judged: () => {
      const inFlight = [{ of: 'ollama1 m', peak: 5 }];
      expect(judge(run().history, { requests: [], more: { inFlight } }, { maxInFlight: 5 })).toEqual([]);
      return judge(run().history, { requests: [], more: { inFlight } }, { maxInFlight: 4 });
    },
  },
  'a broker that finds its own store broken': {
    breaks: ['I12'],
    judged: () => judge(run().history, { requests: [], more: { inconsistent: ['delayed-wakes: 1'] } }),
  },
  'a scenario that complains': {
    breaks: ['S5'],
    judged: () => judge(run().history, { requests: [], more: { complaints: ['took 9 s'] } }),
  },
  'a broker that fell': {
    breaks: ['S3'],
    judged: () => judge(run().history, { requests: [], fallen: ['broker1'] }),
  },
  'a broker that answers nobody any more': {
    breaks: ['S4'],
    judged: () => judge(run().history, { requests: [], silent: [{ broker: 'broker1', what: 'timed_out' }] }),
  },
};

describe('a bad run', () => {
  it.each(Object.entries(BAD))('is named: %s', (_title, { breaks, judged }) => {
    expect(names(judged()).sort()).toEqual([...breaks].sort());
  });

  it('is known for every promise', () => {
    const shown = new Set(Object.values(BAD).flatMap(({ breaks }) => breaks));
    expect([...shown].sort()).toEqual(Object.keys(INVARIANTS).sort());
  });
});
