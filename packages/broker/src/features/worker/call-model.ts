/** The last stage of execution: the call itself. */
import type { Stage } from '../../kernel/stage.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from './jobs.ts';

export function callModel({ maxAnswerBytes }: { maxAnswerBytes: number }): Stage<Job, CallOutcome> {
  return (job) => {
    if (!job.call) throw new Error('The request was not opened before the call.');
    return job.slot.run(job.call, {
      requestId: job.row.id,
      timers: job.timers,
      signal: job.signal,
      maxAnswerBytes,
    });
  };
}
