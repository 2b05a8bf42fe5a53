/** Runs `fila top`: the screen, the watch on the broker, and a terminal that is as before when it ends, however it ends. */
import type { Fila } from '@fila/sdk';
import { render, type Instance } from 'ink';
import type { Host } from '../cli-context.ts';
import { EXIT, type ExitCode } from '../output/exit-codes.ts';
import { detailOf } from './live/detail-of.ts';
import { doAct } from './live/do-act.ts';
import { createTopStore, type TopStore } from './live/store.ts';
import { watchBroker, type BrokerWatch } from './live/watch-broker.ts';
import { FINE, PLAIN } from './state/glyphs.ts';
import type { Wish } from './state/reduce-top.ts';
import { sayIn, type Language } from './state/texts.ts';
import { beginTop, type Act, type ViewName } from './state/top-state.ts';
import { TopScreen } from './top-screen.tsx';

export interface TopOptions {
  readonly host: Host;
  readonly fila: Fila;
  readonly url: string;
  readonly version: string;
  readonly view: ViewName;
  readonly everyMs: number;
  readonly busiest: number;
  readonly isReadOnly: boolean;
  readonly isPlain: boolean;
  readonly hasColour: boolean;
  readonly language: Language;
}

const NOTICE_MS = 8_000;
const MOST_FRAMES_PER_SECOND = 15;
const USUAL = { columns: 80, rows: 24 };

export async function startTop(options: TopOptions): Promise<ExitCode> {
  const { host, fila } = options;
  const ended = Promise.withResolvers<ExitCode>();
  const stdout = host.stdout as unknown as NodeJS.WriteStream;
  const store: TopStore = createTopStore(
    beginTop({
      ...{ now: host.now(), url: options.url, version: options.version, view: options.view },
      ...{ isReadOnly: options.isReadOnly, everyMs: options.everyMs },
      ...{ columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows },
    }),
    grant,
  );
  let app: Instance | null = null;
  let watch: BrokerWatch | null = null;

  function grant(wish: Wish): void {
    if (wish.kind === 'quit') ended.resolve(EXIT.ok);
    if (wish.kind === 'redraw') app?.clear();
    if (wish.kind === 'refresh') watch?.refresh();
    if (wish.kind === 'act') void carryOut(wish.act);
    if (wish.kind === 'detail')
      void detailOf(fila, store.now(), wish.view, wish.id).then((lines) =>
        store.act({ type: 'detail', id: wish.id, lines }),
      );
  }

  async function carryOut(act: Act): Promise<void> {
    notice('warn', 'working');
    const { done, failed, error } = await doAct(fila, act);
    if (error === null) notice('ok', 'doneAct', `${act.name} ${done}`);
    else notice('bad', 'failedAct', `${act.name} ${failed}/${done + failed}: ${error}`);
    watch?.refresh();
  }

  function notice(tone: 'ok' | 'warn' | 'bad', textId: 'working' | 'doneAct' | 'failedAct', text = ''): void {
    store.act({ type: 'notice', notice: { tone, textId, text, until: host.now() + NOTICE_MS } });
  }

  const signals: Record<string, () => void> = {
    SIGINT: () => ended.resolve(EXIT.interrupted),
    SIGTERM: () => ended.resolve(EXIT.terminated),
    SIGHUP: () => ended.resolve(EXIT.terminated),
  };
  const crash = (error: unknown): void => ended.reject(error);
  for (const [name, listener] of Object.entries(signals)) host.signals.on(name, listener);
  host.signals.on('uncaughtException', crash);
  host.signals.on('unhandledRejection', crash);
  try {
    app = render(
      <TopScreen
        store={store}
        glyphs={options.isPlain ? PLAIN : FINE}
        say={sayIn(options.language)}
        hasColour={options.hasColour}
      />,
      {
        stdout,
        stdin: host.stdin as unknown as NodeJS.ReadStream,
        stderr: host.stderr as unknown as NodeJS.WriteStream,
        ...{ alternateScreen: true, incrementalRendering: true, maxFps: MOST_FRAMES_PER_SECOND },
        ...{ interactive: true, exitOnCtrlC: false, patchConsole: false },
      },
    );
    app.waitUntilExit().then(() => ended.resolve(EXIT.ok), crash);
    watch = watchBroker({
      ...{ fila, store, now: host.now, everyMs: options.everyMs, busiest: options.busiest },
      onHopeless: crash,
    });
    return await ended.promise;
  } finally {
    for (const [name, listener] of Object.entries(signals)) host.signals.off(name, listener);
    host.signals.off('uncaughtException', crash);
    host.signals.off('unhandledRejection', crash);
    app?.unmount();
    await watch?.stop();
  }
}
