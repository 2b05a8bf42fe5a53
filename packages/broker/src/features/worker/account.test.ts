/** Shares of the slots: as the weights say, whatever rows take, and without a debt or a treasure for who was away. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Account } from './account.ts';

interface Client {
  readonly key: string;
  readonly slotMs: number;
}

/** One slot, always busy: the key that had least runs a row of its own length; slot-milliseconds of each after so long. */
function play(account: Account, clients: readonly Client[], forMs: number): Map<string, number> {
  const had = new Map(clients.map(({ key }) => [key, 0]));
  for (const { key } of clients) account.enter(key);
  for (let nowMs = 0; nowMs < forMs;) {
    const [next] = [...clients].sort((one, other) => account.hadMs(one.key) - account.hadMs(other.key));
    const { key, slotMs } = next!;
    account.settle(key, account.charge(key), slotMs);
    had.set(key, had.get(key)! + slotMs);
    nowMs += slotMs;
  }
  return had;
}

const evenly = (): Account => new Account(() => 1);

describe('an account of slots', () => {
  it('gives keys with rows of any length the same time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 5, max: 2_000 }), { minLength: 2, maxLength: 8 }), (lengths) => {
        const clients = lengths.map((slotMs, i) => ({ key: `key ${i}`, slotMs }));
        const longest = Math.max(...lengths);
        const had = [...play(evenly(), clients, longest * lengths.length * 20).values()];
        expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(3 * longest + 100);
      }),
    );
  });

  it('gives a key of weight three three times as much', () => {
    const account = new Account((key) => (key === 'gold' ? 3 : 1));
    const had = play(
      account,
      ['gold', 'plain'].map((key) => ({ key, slotMs: 50 })),
      40_000,
    );
    expect(had.get('gold')! / had.get('plain')!).toBeCloseTo(3, 1);
  });

  it('puts who was away ahead of the others, by no more than the credit', () => {
    const account = evenly();
    play(account, [{ key: 'busy', slotMs: 50 }], 100_000);
    account.enter('quiet');
    const aheadMs = account.hadMs('busy') - account.hadMs('quiet');
    expect(aheadMs).toBeGreaterThan(1_000);
    expect(aheadMs).toBeLessThanOrEqual(2_000);
  });

  it('makes nobody pay for the time when he was alone', () => {
    const account = evenly();
    play(account, [{ key: 'alone', slotMs: 50 }], 3_600_000);
    const had = play(
      account,
      ['alone', 'other'].map((key) => ({ key, slotMs: 50 })),
      40_000,
    );
    expect(had.get('alone')!).toBeGreaterThan(17_000);
  });

  it('makes nobody pay for it when everybody had left before he came back', () => {
    const account = evenly();
    play(account, [{ key: 'first', slotMs: 50 }], 3_600_000);
    account.leave('first');
    account.enter('second');
    account.enter('first');
    expect(account.hadMs('first') - account.hadMs('second')).toBeLessThanOrEqual(2_000);
  });

  it('charges a row that never ran nothing', () => {
    const account = evenly();
    account.enter('a');
    const before = account.hadMs('a');
    account.refund('a', account.charge('a'));
    expect(account.hadMs('a')).toBe(before);
  });

  it('forgets keys that are away, and none that is here', () => {
    const account = evenly();
    account.enter('here');
    account.settle('here', account.charge('here'), 500);
    const before = account.hadMs('here');
    for (let i = 0; i < 12_000; i++) {
      account.enter(`passer-by ${i}`);
      account.leave(`passer-by ${i}`);
    }
    expect(account.hadMs('here')).toBe(before);
  });
});
