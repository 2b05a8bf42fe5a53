/** Asks again and again for what is new, until SIGINT or SIGTERM. */
import type { CliContext } from '../cli-context.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';

const ASK_EVERY_MS = 1_000;

/** `look` asks once. It may reject while the daemon restarts: that is said once, and it is asked again. */
export async function follow(
  { host, out }: CliContext,
  look: () => Promise<void>,
  everyMs = ASK_EVERY_MS,
): Promise<ExitCode> {
  const stopped = Promise.withResolvers<ExitCode>();
  const onInterrupt = (): void => stopped.resolve(EXIT.interrupted);
  const onTerminate = (): void => stopped.resolve(EXIT.terminated);
  host.signals.on('SIGINT', onInterrupt);
  host.signals.on('SIGTERM', onTerminate);
  let isAway = false;
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise<null>((resolve) => (timer = setTimeout(resolve, everyMs, null)));
      const code = await Promise.race([stopped.promise, pause]).finally(() => clearTimeout(timer));
      if (code !== null) return code;
      const wasAway = isAway;
      isAway = await look().then(
        () => false,
        (error: unknown) => {
          if (!isWorthAsking(error)) throw error;
          return true;
        },
      );
      if (isAway && !wasAway) out.notice('The daemon does not answer; asking again.');
    }
  } finally {
    host.signals.off('SIGINT', onInterrupt);
    host.signals.off('SIGTERM', onTerminate);
  }
}

/** Whether the same question may be answered later. */
export function isWorthAsking(error: unknown): boolean {
  return (error as { retryable?: boolean }).retryable === true;
}
