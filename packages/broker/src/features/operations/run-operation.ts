/** Runs one operation: counts what it is about, then goes through it at its rate, noting its progress on the way. */
import { setTimeout as pause } from 'node:timers/promises';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Progress } from './operation-store.ts';
import type { OperationWork, Step, Task } from './operations.ts';

export interface Run {
  readonly task: Task;
  readonly work: OperationWork;
  /** Steps a second. */
  readonly rate: number;
  /** Where an earlier run has come to. */
  readonly progress: Progress;
  /** False: stop, somebody has cancelled it or taken it over. */
  readonly save: (progress: Progress) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** `stopped`: the signal came; `lost`: there is nothing more to write. */
export interface RunEnd {
  readonly why: 'completed' | 'stopped' | 'lost';
  readonly progress: Progress;
}

const SAVE_EVERY_MS = 500;
const TURNS_A_SECOND = 10;

/**
 * Steps run a turn at a time, together within a turn, and are counted when the turn is over. A run that dies loses the
 * count of what it did since its last save; the next one is given those steps again, and they say they are done.
 */
export async function runOperation({ task, work, rate, signal, ...run }: Run): Promise<RunEnd> {
  const together = Math.max(1, Math.floor(rate / TURNS_A_SECOND));
  const turnMs = (together * 1000) / rate;
  let { progress } = run;
  let saveAt = 0;
  let turn: Promise<unknown> = Promise.resolve();

  async function saveWhenDue(): Promise<boolean> {
    if (performance.now() < saveAt) return true;
    saveAt = performance.now() + SAVE_EVERY_MS;
    return run.save(progress);
  }

  async function* pages(from: string | null): AsyncGenerator<readonly Step[]> {
    let reached = from;
    do {
      const page = await work.page(task, reached);
      yield page.steps;
      reached = page.reached;
    } while (reached !== null);
  }

  const end = (why: RunEnd['why']): RunEnd => ({ why, progress });

  if (progress.matched === null) {
    let matched = 0;
    for await (const steps of pages(null)) {
      if (signal.aborted) return end('stopped');
      if (!(await saveWhenDue())) return end('lost');
      matched += steps.length;
    }
    progress = { ...progress, matched };
    if (!(await run.save(progress))) return end('lost');
  }

  for await (const steps of pages(progress.reached)) {
    if (!(await saveWhenDue())) return end('lost');
    for (let from = 0; from < steps.length; from += together) {
      await turn;
      if (signal.aborted) return end('stopped');
      turn = pause(turnMs, undefined, { signal }).catch(() => undefined);
      const some = steps.slice(from, from + together);
      const done = (await Promise.all(some.map((step) => step.run()))).filter(Boolean).length;
      progress = {
        matched: progress.matched,
        done: progress.done + done,
        skipped: progress.skipped + some.length - done,
        reached: some.at(-1)!.id,
      };
      await failpoint('operations.before_save');
      if (!(await saveWhenDue())) return end('lost');
    }
  }
  progress = { ...progress, ...whole(progress) };
  return end('completed');
}

/** What matched and was not done was taken by somebody else meanwhile. */
function whole({ matched, done, skipped }: Progress): Pick<Progress, 'matched' | 'skipped'> {
  const all = Math.max(matched ?? 0, done + skipped);
  return { matched: all, skipped: all - done };
}
