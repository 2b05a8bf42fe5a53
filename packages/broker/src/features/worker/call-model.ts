/** The last stage of execution: the call itself. */
import { failpoint } from '../../kernel/failpoints.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from './jobs.ts';

export interface CallLimits {
  readonly maxAnswerBytes: number;
  /** Embeddings come all at once: this is instead of the time until the first token. */
  readonly embedTimeoutMs: number;
}

/** The settings are read anew with each call. */
export function callModel(settings: CallLimits): Stage<Job, CallOutcome> {
  return async (job) => {
    if (!job.call) throw new Error('The request was not opened before the call.');
    const held = failpoint('job.before_call');
    if (held) await held;
    const isEmbedding = job.call.input !== undefined;
    const outcome = await job.slot.run(job.call, {
      requestId: job.row.id,
      timers: isEmbedding ? { ...job.timers, firstTokenMs: settings.embedTimeoutMs } : job.timers,
      signal: job.signal,
      onProgress: job.onProgress,
      maxAnswerBytes: settings.maxAnswerBytes,
    });
    // Vectors of two models cannot be compared.
    return isEmbedding && outcome.kind === 'failed' ? { ...outcome, isOfThisModelOnly: true } : outcome;
  };
}
