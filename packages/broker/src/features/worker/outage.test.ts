/** The worker while the database is away, and right after. */
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { memoryActiveLanes } from '../../engines/active-lanes/memory-active-lanes.ts';
import { LedgerUnavailable, type ClaimedRow, type Ledger } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import { listOf } from '../../kernel/lanes.ts';
import { silentLogger, type Logger } from '../../kernel/logger.ts';
import { Dispatcher } from './dispatcher.ts';
import { createSweeps } from './sweeps.ts';

const LANE = { queue: 'default', keyId: newId('key'), band: 2, model: 'm' };
const LIST = listOf(LANE);
const LEASE_MS = 30_000;

/** Two lanes with work for ever, and a ledger that writes down what is asked of it, or is away. */
function scene() {
  const asked: string[] = [];
  const state = { isAway: false };
  const lines: string[] = [];
  const say = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { ...silentLogger, debug: say, info: say, warn: say, error: say };
  const ask =
    <T>(what: string, answer: T) =>
    async (): Promise<T> => {
      asked.push(what);
      if (state.isAway) throw new LedgerUnavailable('away');
      return answer;
    };
  const row = { id: newId('req'), laneId: 1, fence: 1 } as ClaimedRow;
  const ledger = {
    claim: ask('claim', [row]),
    lanes: { nameOf: async () => LANE },
    sweeps: {
      lanesWithWork: ask('lanes', [{ laneId: 1, oldest: 'a' }]),
      wake: ask('wake', { expired: [], nextInMs: null }),
      rescue: ask('rescue', 0),
    },
  } as unknown as Ledger;
  const activeLanes = memoryActiveLanes();
  let free = 1;
  const start = vi.fn(() => {
    free -= 1;
    return true;
  });
  const dispatcher = new Dispatcher({
    ...{ ledger, activeLanes, logger, owner: newId('run'), leaseMs: LEASE_MS, start },
    slots: { free: () => free, capacity: () => 1 },
    handBack: async () => {},
  });
  dispatcher.know(LANE);
  // As the worker does it: a token that went back while the database was away is heard of again.
  activeLanes.watch((list) => void dispatcher.heard(list));
  return { asked, state, lines, ledger, activeLanes, dispatcher, start, logger };
}

afterEach(() => void vi.useRealTimers());

describe('the dispatcher', () => {
  it('rests while the database is away, however often it is woken, and goes on by itself', async () => {
    const { asked, state, lines, activeLanes, dispatcher, start } = scene();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => dispatcher.stop());
    state.isAway = true;
    await activeLanes.activate([{ id: 1, list: LIST }]);
    for (let n = 0; n < 200; n++) {
      dispatcher.heard(LIST);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(asked.length).toBeLessThanOrEqual(3);
    expect(lines).toEqual([]);
    state.isAway = false;
    await vi.advanceTimersByTimeAsync(1_100);
    await vi.waitFor(() => expect(start).toHaveBeenCalledOnce());
  });

  it('lets go of a lane whose token is no longer its own', async () => {
    const { activeLanes, dispatcher, state } = scene();
    onTestFinished(() => dispatcher.stop());
    state.isAway = true;
    await activeLanes.activate([{ id: 1, list: LIST }]);
    dispatcher.wake();
    await vi.waitFor(() => expect(dispatcher.isHeld(1)).toBe(true));
    await dispatcher.keepTokens();
    expect(dispatcher.isHeld(1)).toBe(true);
    vi.spyOn(activeLanes, 'renew').mockResolvedValue([]);
    await dispatcher.keepTokens();
    expect(dispatcher.isHeld(1)).toBe(false);
  });
});

describe('the sweeps', () => {
  function sweeping(earlierRuns: string[]) {
    const { asked, state, lines, ledger, activeLanes, dispatcher, logger } = scene();
    const sweeps = createSweeps({
      ...{ ledger, activeLanes, dispatcher, logger, leaseMs: LEASE_MS, earlierRuns },
      requests: { poisonError: () => Buffer.alloc(0), ended: () => undefined },
      upstreams: { free: () => 0 },
      forgetEarlierRuns: () => void asked.push('forget runs'),
      writeKeptOutcomes: async () => {
        asked.push('kept outcomes');
        if (state.isAway) throw new LedgerUnavailable('away');
      },
      giveBackLostClaims: async () => void asked.push('lost claims'),
    });
    onTestFinished(() => sweeps.stop());
    return { sweeps, asked, state, lines };
  }

  it('write what earlier runs had finished before they give back what these held, and not one without the other', async () => {
    vi.useFakeTimers();
    const { sweeps, asked, state, lines } = sweeping([newId('run')]);
    state.isAway = true;
    await sweeps.start();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(asked[0]).toBe('kept outcomes');
    expect(asked.slice(0, 2)).not.toContain('rescue');
    state.isAway = false;
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.slice(0, 3)).toEqual(['kept outcomes', 'rescue', 'forget runs']);
    expect(lines).toEqual([]);
  });

  it('take nobody for dead until a lease after an outage, and look for lost claims meanwhile', async () => {
    vi.useFakeTimers();
    const { sweeps, asked, state } = sweeping([]);
    await sweeps.start();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(asked).toContain('rescue');
    expect(asked).not.toContain('lost claims');
    state.isAway = true;
    await vi.advanceTimersByTimeAsync(5_000);
    state.isAway = false;
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(LEASE_MS - 2_000);
    expect(asked).not.toContain('rescue');
    expect(asked).toContain('lost claims');
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toContain('rescue');
  });
});
