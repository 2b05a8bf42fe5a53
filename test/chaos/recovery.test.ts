/** The time of recovery is that of the slowest broker, of the first backlog that moves, and of the worst fault. */
import { describe, expect, it } from 'vitest';
import { accept, completed, run, seen } from './checker-runs.ts';
import type { Mark } from './nemesis.ts';
import type { Probe } from './prober.ts';
import { type Evidence, recoveryOf } from './recovery.ts';

const EPOCH = 1_000_000;
const mark = (injectedAt: number, healingAt: number): Mark => ({
  ...{ action: 'broker.kill', injectedAt: EPOCH + injectedAt, healingAt: EPOCH + healingAt },
  healedAt: EPOCH + healingAt + 300,
});
const probe = (broker: string, sentAt: number, completedAt: number | null): Probe => ({
  ...{ broker, sentAt: EPOCH + sentAt, answeredAt: EPOCH + sentAt + 7, isAccepted: true },
  completedAt: completedAt === null ? null : EPOCH + completedAt,
});

function evidence(more: Partial<Evidence>): Evidence {
  return {
    ...{ brokers: ['b1', 'b2'], marks: [mark(100, 200)], probes: [], events: [], requests: [] },
    ...{ epochMs: EPOCH, ...more },
  };
}

describe('recovery', () => {
  it('counts from the begin of the healing to the first probe sent since, of the slowest broker', () => {
    const probes = [
      probe('b1', 150, 210),
      probe('b1', 210, 260),
      probe('b2', 220, 900),
      probe('b2', 230, 700),
    ];
    expect(recoveryOf(evidence({ probes }))).toEqual({ flowsMs: 500, drainedMs: 0, slowestAnswerMs: 7 });
  });

  it('is never while one broker answers nothing', () => {
    const probes = [probe('b1', 210, 260), probe('b2', 190, 400), probe('b2', 210, null)];
    expect(recoveryOf(evidence({ probes })).flowsMs).toBeNull();
  });

  it('waits for the backlog to move, and tells when the last of it has ended', () => {
    const { history, did } = run();
    did(accept(1), seen('a'));
    did(accept(2), seen('b'));
    did(accept(3), seen('c'));
    const end = (ms: number) => ({ completedAt: new Date(EPOCH + ms).toISOString() });
    const requests = [
      completed('a', 1, end(950)),
      completed('b', 2, end(1_400)),
      completed('c', 3, end(150)),
    ];
    const probes = [probe('b1', 210, 260), probe('b2', 220, 300)];
    const found = recoveryOf(evidence({ probes, events: history.events, requests }));
    expect(found).toMatchObject({ flowsMs: 750, drainedMs: 1_200 });
  });

  it('is that of the worst fault', () => {
    const probes = [
      probe('b1', 210, 260),
      probe('b2', 220, 300),
      probe('b1', 500, 2_000),
      probe('b2', 500, 600),
    ];
    expect(recoveryOf(evidence({ probes, marks: [mark(100, 200), mark(300, 400)] })).flowsMs).toBe(1_600);
  });
});
