/** What the model is asked: decrypted when a row starts, or before, and never for another row. */
import { describe, expect, it } from 'vitest';
import type { ClaimedRow } from '../../engines/ledger/ledger.ts';
import { newId } from '../../kernel/ids.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from '../worker/worker.ts';
import { open, OWNER } from './testing/requests-bench.ts';

describe('a request that is opened for a call', () => {
  const outcome: CallOutcome = { kind: 'busy', message: 'full' };
  const jobOf = (row: ClaimedRow): Job => ({ row, lane: { model: 'm:1b' } }) as unknown as Job;

  it('asks the model what was asked, and nothing of what is only ours', async () => {
    const { requests, accept, claim } = open();
    await accept({ prompt: 'Why?', system: 'Be brief.', parameters: { seed: 1 }, metadata: { a: 1 } });
    const seen: Job[] = [];
    const next = async (job: Job): Promise<CallOutcome> => (seen.push(job), outcome);
    expect(await requests.unseal(jobOf(await claim()), next)).toBe(outcome);
    const call = { model: 'm:1b', prompt: 'Why?', system: 'Be brief.', parameters: { seed: 1 } };
    expect(seen.map((job) => job.call)).toEqual([call]);
  });

  it('fails for good, without a call, when it cannot be decrypted', async () => {
    const { requests, accept, claim, lines } = open();
    await accept();
    const row = await claim();
    const moved = jobOf({ ...row, id: newId('req') });
    const never = (): Promise<CallOutcome> => Promise.reject(new Error('must not be called'));
    expect(await requests.unseal(moved, never)).toMatchObject({ code: 'unreadable', retryable: false });
    expect(lines).toEqual(['a stored prompt cannot be decrypted']);
  });

  const asked: string[] = [];
  const ask = async (job: Job): Promise<CallOutcome> => (asked.push(job.call!.prompt!), outcome);
  const never = (): Promise<CallOutcome> => Promise.reject(new Error('must not be called'));

  it('may be opened while it waits for its slot, and then only then', async () => {
    const { requests, accept, claim } = open();
    await accept({ prompt: 'Why?' });
    const row = await claim();
    requests.openAhead(row);
    row.body.fill(0);
    requests.openAhead(row);
    expect(await requests.unseal(jobOf(row), ask)).toBe(outcome);
    expect(asked.splice(0)).toEqual(['Why?']);
  });

  it('says when it is run that it could not be opened before', async () => {
    const { requests, accept, claim, lines } = open();
    await accept();
    const row = await claim();
    row.body.fill(0);
    requests.openAhead(row);
    await new Promise(setImmediate);
    expect(lines).toEqual([]);
    expect(await requests.unseal(jobOf(row), never)).toMatchObject({ code: 'unreadable' });
  });

  it('is not opened before its time when it is large', async () => {
    const { requests, accept, claim } = open();
    await accept({ prompt: 'Why? '.repeat(20_000) });
    const row = await claim();
    requests.openAhead(row);
    row.body.fill(0);
    expect(await requests.unseal(jobOf(row), never)).toMatchObject({ code: 'unreadable' });
  });

  it('needs no opening where it was accepted and starts at once', async () => {
    const started: ClaimedRow[] = [];
    const { requests, accept } = open(() => ({
      claimed: { owner: OWNER, leaseMs: 30_000 },
      enter: (row) => void started.push(row),
      giveUp: () => undefined,
    }));
    await accept({ prompt: 'Why?' });
    const [row] = started;
    row!.body.fill(0);
    expect(await requests.unseal(jobOf(row!), ask)).toBe(outcome);
    expect(asked.splice(0)).toEqual(['Why?']);
  });
});
