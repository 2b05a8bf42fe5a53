/** The last stage of execution hands the call to the slot, within the job's limits. */
import { describe, expect, it } from 'vitest';
import type { CallOptions, CallOutcome, ModelCall } from '../upstreams/upstreams.ts';
import { callModel } from './call-model.ts';
import type { Job } from './jobs.ts';

const OUTCOME: CallOutcome = { kind: 'busy', message: 'full' };
const nobody = async (): Promise<CallOutcome> => {
  throw new Error('There is no stage after the call.');
};

function jobWith(call?: ModelCall) {
  const asked: { call: ModelCall; options: CallOptions }[] = [];
  const timers = { connectMs: 1, firstTokenMs: 2, gapMs: 3, totalMs: 4 };
  const { signal } = new AbortController();
  const run = async (what: ModelCall, options: CallOptions): Promise<CallOutcome> => {
    asked.push({ call: what, options });
    return OUTCOME;
  };
  const slot = { upstream: 'gpu:11434', run, release: () => {} };
  return {
    asked,
    timers,
    signal,
    job: { row: { id: 'req_1' }, slot, timers, signal, call } as unknown as Job,
  };
}

describe('the call', () => {
  it('asks the model of the slot exactly once, with the timers and the signal of the job', async () => {
    const call = { model: 'm', prompt: 'Hi' };
    const { job, asked, timers, signal } = jobWith(call);
    expect(await callModel({ maxAnswerBytes: 99, embedTimeoutMs: 77 })(job, nobody)).toBe(OUTCOME);
    expect(asked).toEqual([{ call, options: { requestId: 'req_1', timers, signal, maxAnswerBytes: 99 } }]);
    expect(asked[0]?.options.signal).toBe(signal);
  });

  it('of texts to embed has its own time, and no other model may answer instead', async () => {
    const call = { model: 'm', input: ['Hi'] };
    const { job, asked, timers } = jobWith(call);
    const failed = {
      kind: 'failed',
      code: 'upstream_failed',
      message: 'x',
      retryable: true,
      phase: 'stream',
    };
    const run = job.slot.run;
    job.slot.run = async (...given) => ({ ...(await run(...given)), ...failed }) as CallOutcome;
    const outcome = await callModel({ maxAnswerBytes: 99, embedTimeoutMs: 77 })(job, nobody);
    expect(asked[0]?.options.timers).toEqual({ ...timers, firstTokenMs: 77 });
    expect(outcome).toMatchObject({ ...failed, isOfThisModelOnly: true });
  });

  it('asks nothing when the request was not opened before', async () => {
    const { job, asked } = jobWith();
    await expect(callModel({ maxAnswerBytes: 99, embedTimeoutMs: 77 })(job, nobody)).rejects.toThrow(
      'was not opened',
    );
    expect(asked).toEqual([]);
  });
});
