import { describe, expect, it } from 'vitest';
import { describeLimiter } from './limiter.conformance.ts';
import { memoryLimiter, type MemoryAccounts } from './memory-limiter.ts';

const START = 1_800_000_000_000;

function openMemory() {
  const accounts: MemoryAccounts = new Map();
  let nowMs = START;
  const clock = { now: () => nowMs };
  const open = () => memoryLimiter({ clock, accounts });
  return {
    accounts,
    brokers: [open(), open(), open()] as const,
    setTime: (now: number) => void (nowMs = now),
  };
}

describeLimiter('memory', async () => openMemory(), 200);

describe('the limiter in memory', () => {
  it('keeps nothing that can no longer matter', async () => {
    const { accounts, brokers, setTime } = openMemory();
    const rules = [{ kind: 'window', place: 0, limit: 1, cost: 1, windowMs: 60_000 } as const];
    for (let i = 0; i < 500; i++) await brokers[0].decide([{ name: `a${i}`, rules }]);
    expect(accounts.size).toBe(500);
    setTime(START + 60_001);
    expect((await brokers[0].decide([{ name: 'a0', rules }])).isAllowed).toBe(false);
    setTime(START + 300_000);
    await brokers[0].decide([{ name: 'b', rules }]);
    expect(accounts.size).toBe(1);
  });
});
