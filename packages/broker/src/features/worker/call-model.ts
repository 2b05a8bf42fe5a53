/** The last stage of execution: the call itself. */
import { failpoint } from '../../kernel/failpoints.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from './jobs.ts';

/** The settings are read anew with each call. */
export function callModel(settings: { readonly maxAnswerBytes: number }): Stage<Job, CallOutcome> {
  return async (job) => {
    if (!job.call) throw new Error('The request was not opened before the call.');
    const held = failpoint('job.before_call');
    if (held) await held;
    return job.slot.run(job.call, {
      requestId: job.row.id,
      timers: job.timers,
      signal: job.signal,
      onProgress: job.onProgress,
      maxAnswerBytes: settings.maxAnswerBytes,
    });
  };
}
