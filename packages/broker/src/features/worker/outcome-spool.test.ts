import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LedgerUnavailable, type Settlement } from '../../engines/ledger/ledger.ts';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { newId } from '../../kernel/ids.ts';
import { silentLogger, type Logger } from '../../kernel/logger.ts';
import { openOutcomeSpool } from './outcome-spool.ts';

const folders: string[] = [];
afterEach(() => {
  armFailpoints('');
  folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true }));
});

const outcome = (more: Partial<Settlement> = {}): Settlement => ({
  ...{ id: newId('req'), fence: 3, owner: newId('run'), to: 'completed', countsAttempt: true, notify: true },
  ...{ result: Buffer.from([0, 10, 13, 255, 39]), processingMs: 12, promptTokens: 1, completionTokens: 2 },
  ...{ upstream: 'gpu:11434', ...more },
});
const failure = outcome({
  to: 'failed',
  result: undefined,
  error: { code: 'poison', sealed: Buffer.from('\n') },
});

/** A spool on a ledger that is away until the test says otherwise. */
function scene(file = join(newFolder(), 'outcomes.spool')) {
  const written: Settlement[] = [];
  const ledger = { isAway: true, answer: true };
  const lines: string[] = [];
  const say = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { ...silentLogger, info: say, warn: say, error: say, emergency: say };
  const open = () =>
    openOutcomeSpool({
      ...{ file, logger },
      settle: async (settlement) => {
        if (ledger.isAway) throw new LedgerUnavailable('away');
        written.push(settlement);
        return ledger.answer;
      },
    });
  return { file, spool: open(), open, written, ledger, lines };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fila-spool-'));
  folders.push(folder);
  return folder;
}

describe('the outcome spool', () => {
  it('has an outcome on the disk when keep returns, in a file that is nobody else’s', () => {
    const { spool, file } = scene();
    void spool.keep(outcome());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2);
  });

  it('writes what is kept when the ledger is back, tells who waits, and empties the file', async () => {
    const { spool, file, ledger, written } = scene();
    const [first, second] = [outcome(), failure];
    const waiting = [spool.keep(first), spool.keep(second)];
    await expect(spool.writeAll()).rejects.toThrow(LedgerUnavailable);
    ledger.isAway = false;
    await spool.writeAll();
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(written).toEqual([first, second]);
    expect(statSync(file).size).toBe(0);
    await spool.writeAll();
    expect(written).toHaveLength(2);
  });

  it('writes by itself once it was started', async () => {
    const { spool, ledger } = scene();
    await spool.start();
    const waiting = spool.keep(outcome());
    ledger.isAway = false;
    expect(await waiting).toBe(true);
    await spool.stop();
  });

  it('hands what a killed run has kept to the next one, exactly as it was', async () => {
    const { spool, open, ledger, written, lines } = scene();
    const all = [outcome(), failure, outcome({ to: 'delayed', delayMs: 5, result: undefined })];
    for (const one of all) void spool.keep(one);
    ledger.isAway = false;
    await open().writeAll();
    expect(written).toEqual(all.map((one) => JSON.parse(JSON.stringify(one), revive)));
    expect(lines.filter((line) => line === 'an outcome of an earlier run was written')).toHaveLength(3);
  });

  it('says so when an outcome came too late, and is done with it', async () => {
    const { spool, open, file, ledger, lines } = scene();
    void spool.keep(outcome());
    Object.assign(ledger, { isAway: false, answer: false });
    await open().writeAll();
    expect(lines.at(-1)).toMatch(/not needed/);
    expect(statSync(file).size).toBe(0);
  });

  it('survives a file torn anywhere: whole outcomes are written, and later ones are not spoilt', async () => {
    const { spool, file } = scene();
    const all = [outcome(), failure, outcome()];
    for (const one of all) void spool.keep(one);
    const bytes = readFileSync(file);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length }), async (length) => {
        const torn = scene();
        writeFileSync(torn.file, bytes.subarray(0, length));
        const next = torn.open();
        void next.keep(failure);
        const after = scene(torn.file);
        after.ledger.isAway = false;
        await after.spool.writeAll();
        const whole = bytes.subarray(0, length).toString('utf8').split('\n').length - 1;
        expect(after.written.map(({ id }) => id)).toEqual(
          [...all.slice(0, whole), failure].map(({ id }) => id),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('leaves out a line that was changed, and says so', async () => {
    const { spool, file, lines, open, ledger, written } = scene();
    const [first, second] = [outcome(), outcome()];
    void spool.keep(first);
    void spool.keep(second);
    const text = readFileSync(file, 'utf8');
    truncateSync(file);
    appendFileSync(file, text.replace('"fence":3', '"fence":4'));
    ledger.isAway = false;
    await open().writeAll();
    expect(written.map(({ id }) => id)).toEqual([second.id]);
    expect(lines).toContain('outcomes kept by an earlier run are damaged; the requests run again');
  });

  it('lets go of who waits when the daemon stops, and keeps the file for the next run', async () => {
    const { spool, file } = scene();
    const before = spool.keep(outcome());
    spool.letGo();
    expect(await before).toBeNull();
    expect(await spool.keep(outcome())).toBeNull();
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(3);
  });

  it('waits in memory when the folder takes nothing', async () => {
    const { spool, file, ledger, lines } = scene();
    rmSync(file);
    rmSync(join(file, '..'), { recursive: true });
    folders.length = 0;
    const waiting = spool.keep(outcome());
    expect(lines.at(-1)).toMatch(/in memory only/);
    ledger.isAway = false;
    await spool.writeAll().catch(() => undefined);
    expect(await waiting).toBe(true);
  });

  it('tries again what the ledger refused, for that may pass', async () => {
    const settle = vi.fn(async () => true).mockRejectedValueOnce(new Error('a defect'));
    const spool = openOutcomeSpool({
      file: join(newFolder(), 'outcomes.spool'),
      settle,
      logger: silentLogger,
    });
    const waiting = spool.keep(outcome());
    await expect(spool.writeAll()).rejects.toThrow('a defect');
    await spool.writeAll();
    expect(await waiting).toBe(true);
  });

  it('has an outcome that is in the file twice written all the same, and no more lines of it', async () => {
    const { spool, open, file, ledger, written } = scene();
    armFailpoints('spool.before_append:duplicate');
    const one = outcome();
    void spool.keep(one);
    ledger.isAway = false;
    await open().writeAll();
    expect(written.map(({ id }) => id)).toEqual([one.id, one.id]);
    expect(statSync(file).size).toBe(0);
  });

  it('an outcome that the ledger refuses for good holds up no other', async () => {
    const refused = outcome();
    const file = join(newFolder(), 'outcomes.spool');
    const settle = vi.fn(async ({ id }: Settlement) => {
      if (id === refused.id) throw new Error('a constraint');
      return true;
    });
    const spool = openOutcomeSpool({ file, settle, logger: silentLogger });
    const [bad, good] = [spool.keep(refused), spool.keep(outcome())];
    const refusal = expect(bad).rejects.toThrow('a constraint');
    await expect(spool.writeAll()).rejects.toThrow('a constraint');
    expect(await good).toBe(true);
    for (let tries = 2; tries < 5; tries++) await spool.writeAll().catch(() => undefined);
    expect(statSync(file).size).toBeGreaterThan(0);
    await spool.writeAll();
    await refusal;
    expect(settle).toHaveBeenCalledTimes(6);
    expect(statSync(file).size).toBe(0);
  });
});

/** Buffers as JSON.stringify writes them. */
function revive(_key: string, value: unknown): unknown {
  const { type, data } = (value ?? {}) as { type?: string; data?: number[] };
  return type === 'Buffer' ? Buffer.from(data!) : value;
}
