/** `fila stats`: one line of figures every few seconds, for logs, slow connections and screen readers. */
import type { Fila, Overview } from '@fila/sdk';
import type { CliContext } from '../cli-context.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';
import { jsonLine } from '../output/formats.ts';
import { oneLine } from '../output/plain-text.ts';
import { stoppedBySignal } from './stopped-by-signal.ts';

export interface StatsOptions {
  /** Milliseconds. */
  readonly interval: number;
  readonly count?: number;
}

interface Figure {
  readonly title: string;
  readonly width: number;
  readonly of: (overview: Overview) => string;
}

const FIGURES: readonly Figure[] = [
  { title: 'TIME', width: 8, of: ({ at }) => at.slice(11, 19) },
  { title: 'WAIT', width: 7, of: ({ requests }) => String(requests.pending) },
  { title: '+-/s', width: 7, of: ({ requests }) => signed(requests.change_per_second) },
  { title: 'OLDEST', width: 8, of: ({ requests }) => seconds(requests.oldest_wait_ms) },
  { title: 'RUN', width: 5, of: ({ requests }) => String(requests.processing) },
  { title: 'LATER', width: 6, of: ({ requests }) => String(requests.delayed) },
  { title: 'IN/s', width: 7, of: ({ flow }) => flow.accepted_per_second.toFixed(1) },
  { title: 'DONE/s', width: 7, of: ({ flow }) => flow.completed_per_second.toFixed(1) },
  { title: 'FAIL/s', width: 6, of: ({ flow }) => flow.failed_per_second.toFixed(1) },
  {
    title: 'DEAD',
    width: 6,
    of: ({ requests }) => `${requests.dead_letters}${requests.dead_letters_is_complete ? '' : '+'}`,
  },
  {
    title: 'UP',
    width: 5,
    of: ({ upstreams }) => `${upstreams.filter(({ status }) => status === 'up').length}/${upstreams.length}`,
  },
  { title: 'HOOKS', width: 6, of: ({ webhooks }) => String(webhooks.due) },
  { title: 'RSS', width: 5, of: ({ broker }) => `${Math.round(broker.rss_bytes / 1024 ** 2)}M` },
];
const HEADER_EVERY = 20;

export async function showStats(context: CliContext, options: StatsOptions): Promise<ExitCode> {
  const { out, host } = context;
  const fila = await context.sdk('admin');
  const isJson = out.format === 'json' || out.format === 'jsonl';
  return stoppedBySignal(host.signals, async (signal) => {
    // The first question fails as every other command does; later ones are said and tried again.
    for (let n = 0; !signal.aborted && n !== options.count; n++) {
      if (n > 0) await pause(options.interval, signal);
      if (signal.aborted) break;
      const overview = n === 0 ? await ask(fila, signal) : await ask(fila, signal).catch(said(context));
      if (!overview) continue;
      if (isJson) out.print(jsonLine(overview));
      else {
        if (n % HEADER_EVERY === 0 && out.isTty)
          out.print(
            out.paint(
              'dim',
              lineOf(({ title }) => title, true),
            ),
          );
        out.print(lineOf((figure) => figure.of(overview), out.isTty));
      }
    }
    return EXIT.ok;
  });
}

function ask(fila: Fila, signal: AbortSignal): Promise<Overview> {
  return fila.overview({ busiest: 1 }, { signal, maxRetries: 0 });
}

function said({ out }: CliContext): (error: unknown) => undefined {
  return (error) => void out.notice(oneLine(error instanceof Error ? error.message : String(error)));
}

function lineOf(of: (figure: Figure) => string, isTty: boolean): string {
  const cells = FIGURES.map((figure) => (isTty ? of(figure).padStart(figure.width) : of(figure)));
  return cells.join(isTty ? ' ' : '\t');
}

function signed(value: number | null): string {
  return value === null ? '-' : `${value > 0 ? '+' : ''}${value.toFixed(1)}`;
}

function seconds(ms: number | null): string {
  return ms === null ? '-' : `${(ms / 1000).toFixed(1)}s`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
