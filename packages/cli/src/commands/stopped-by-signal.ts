/** Runs what goes on until a signal ends it; its exit code is that of the signal then. */
import type { Host } from '../cli-context.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';

/** `work` ends soon after its signal fires. */
export async function stoppedBySignal(
  signals: Host['signals'],
  work: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const stopping = new AbortController();
  let asked: ExitCode | null = null;
  const stop = (exitCode: ExitCode) => (): void => {
    asked ??= exitCode;
    stopping.abort();
  };
  const [onInterrupt, onTerminate] = [stop(EXIT.interrupted), stop(EXIT.terminated)];
  signals.on('SIGINT', onInterrupt);
  signals.on('SIGTERM', onTerminate);
  try {
    const exitCode = await work(stopping.signal);
    return asked ?? exitCode;
  } catch (error) {
    if (asked !== null) return asked;
    throw error;
  } finally {
    signals.off('SIGINT', onInterrupt);
    signals.off('SIGTERM', onTerminate);
  }
}
