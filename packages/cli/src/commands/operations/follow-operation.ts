/** Follows an operation to its end: a bar on a terminal, a line a change elsewhere. */
import type { CliContext } from '../../cli-context.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { printOne } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { progressLine } from '../../output/progress.ts';
import { stoppedBySignal } from '../stopped-by-signal.ts';
import { exitCodeOf, operationView, progressText, shareOf } from './operation-view.ts';

/** Ctrl-C ends the looking, not the operation. */
export async function followOperation(context: CliContext, id: string): Promise<ExitCode> {
  const { out } = context;
  const fila = await context.sdk('admin');
  const progress = progressLine(context);
  return stoppedBySignal(context.host.signals, async (signal) => {
    const operation = await fila.operations
      .wait(id, {
        ...{ timeoutMs: Infinity, signal },
        onChange: (now) =>
          progress.isShown ? progress.at(progressText(now), shareOf(now)) : out.notice(progressText(now)),
      })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      })
      .finally(() => progress.end());
    if (!operation) {
      const name = oneLine(id);
      out.notice(
        `It goes on. Look:  fila operations watch ${name}   Stop it:  fila operations cancel ${name}`,
      );
      return EXIT.interrupted;
    }
    await printOne(out, operation, operationView(context.now()));
    return exitCodeOf(operation);
  });
}
