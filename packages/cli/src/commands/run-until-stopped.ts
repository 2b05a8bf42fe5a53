/** Runs something until SIGINT or SIGTERM asks it to stop; a second signal ends the process at once. */
import type { Host } from '../cli-context.ts';
import { EXIT } from '../output/exit-codes.ts';

export interface Running {
  /** Rejects when it has found out that it can never work. */
  readonly failed?: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Starts, says so, waits for a signal, stops. A signal that comes while it still starts counts too.
 * `onStopping` hears of the first signal.
 */
export async function runUntilStopped<T extends Running>(
  { signals, exit }: Pick<Host, 'signals' | 'exit'>,
  run: { start: () => Promise<T>; onStarted: (running: T) => Promise<void> | void; onStopping?: () => void },
): Promise<void> {
  let count = 0;
  const asked = Promise.withResolvers<void>();
  const onSignal = (exitCode: number) => (): void => {
    count += 1;
    if (count > 1) return exit(exitCode);
    run.onStopping?.();
    asked.resolve();
  };
  const onInterrupt = onSignal(EXIT.interrupted);
  const onTerminate = onSignal(EXIT.terminated);
  signals.on('SIGINT', onInterrupt);
  signals.on('SIGTERM', onTerminate);
  try {
    const running = await run.start();
    try {
      if (count === 0) await run.onStarted(running);
      await Promise.race([asked.promise, running.failed ?? asked.promise]);
    } finally {
      await running.stop();
    }
  } finally {
    signals.off('SIGINT', onInterrupt);
    signals.off('SIGTERM', onTerminate);
  }
}
