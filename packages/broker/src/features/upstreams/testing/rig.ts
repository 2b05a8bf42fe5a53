/** For tests of the whole room: the room in front of some Ollamas, and callers that keep it busy. */
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../kernel/clock.ts';
import { silentLogger } from '../../../kernel/logger.ts';
import {
  createUpstreams,
  type CallOptions,
  type CallOutcome,
  type Upstreams,
  type UpstreamsDeps,
} from '../upstreams.ts';

const LONG = { connectMs: 10_000, firstTokenMs: 10_000, gapMs: 10_000, totalMs: 10_000 };
export const PATIENT: CallOptions = { timers: LONG, maxAnswerBytes: 1_000_000 };
export const MODEL = 'llama3:8b';
/** For a simulated Ollama whose models need not be loaded first. */
export const WARM = { loaded: [MODEL, 'gemma2:2b'] };
export const ASK = { model: MODEL, prompt: 'hi' };

/** Stops it with the test that started it. */
export async function stopping<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  onTestFinished(() => started.stop());
  return started;
}

export function hostOf({ url }: { url: string }): string {
  return new URL(url).host;
}

/** Of four slots each. Stops with the test that started it. */
export async function roomOf(
  all: readonly { readonly url: string }[],
  more: Partial<UpstreamsDeps> = {},
): Promise<Upstreams> {
  const upstreams = createUpstreams({
    upstreams: all.map(({ url }) => ({ url, slots: 4 })),
    allowCloudModels: false,
    logger: silentLogger,
    clock: systemClock,
    probeMs: 50,
    ...more,
  });
  onTestFinished(() => upstreams.stop());
  await upstreams.start();
  return upstreams;
}

/** One call through the room, waiting for a slot as the worker does. */
export async function ask(upstreams: Upstreams, options: CallOptions = PATIENT): Promise<Asked> {
  for (;;) {
    const slot = upstreams.take(MODEL);
    if (slot) {
      const outcome = await slot.run(ASK, options);
      slot.release();
      return { outcome, upstream: slot.upstream };
    }
    await nextFree(upstreams);
  }
}

export interface Asked {
  readonly outcome: CallOutcome;
  readonly upstream: string;
}

/** So many calls, so many at once; `onCall` hears how many have ended. */
export async function load(
  upstreams: Upstreams,
  { calls, atOnce, onCall }: { calls: number; atOnce: number; onCall?: (done: number) => void },
): Promise<Asked[]> {
  const all: Asked[] = [];
  let begun = 0;
  const caller = async (): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      all.push(await ask(upstreams));
      onCall?.(all.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return all;
}

export function nextFree(upstreams: Upstreams): Promise<void> {
  return new Promise((resolve) => {
    const end = upstreams.onFree(() => {
      end();
      resolve();
    });
  });
}

/** Waits until a state is reached; its tests fail by their timeout when it never is. */
export async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((resolve) => setTimeout(resolve, 5));
}
