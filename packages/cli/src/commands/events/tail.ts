/** `fila events tail`: prints what happens until it is stopped. */
import type { Event, EventConnection, EventKind } from '@fila/sdk';
import type { CliContext } from '../../cli-context.ts';
import type { Tone } from '../../output/colour.ts';
import { EXIT, type ExitCode } from '../../output/exit-codes.ts';
import { jsonLine } from '../../output/formats.ts';
import { oneLine } from '../../output/plain-text.ts';
import { stoppedBySignal } from '../stopped-by-signal.ts';

interface TailOptions {
  readonly kinds?: readonly EventKind[];
  readonly most?: number;
}

const TONES: readonly (readonly [RegExp, Tone])[] = [
  [/\.(failed|down|refused|removed)$|^gap$/, 'bad'],
  [/\.(retrying|returned|expired|changed|left)$/, 'warn'],
  [/\.(completed|delivered|up|joined)$/, 'ok'],
];
const SHOWN_APART = new Set(['id', 'type', 'at']);

export async function tailEvents(context: CliContext, options: TailOptions): Promise<ExitCode> {
  const { out, host } = context;
  const fila = await context.sdk('admin');
  const isJson = out.format === 'json' || out.format === 'jsonl';
  let wasConnected = true;
  const onConnection = ({ isConnected, error }: EventConnection): void => {
    if (isConnected !== wasConnected)
      out.notice(isConnected ? 'connected again' : `connection lost: ${oneLine(error?.detail ?? '')}`);
    wasConnected = isConnected;
  };
  return stoppedBySignal(host.signals, async (signal) => {
    const wishes = { kinds: options.kinds, mostPerSecond: options.most, signal, onConnection };
    for await (const event of fila.events(wishes))
      out.print(isJson ? jsonLine(event) : lineOf(event, context));
    return EXIT.ok;
  });
}

function lineOf(event: Event, { out }: Pick<CliContext, 'out'>): string {
  const fields = Object.entries(event)
    .filter(([name]) => !SHOWN_APART.has(name))
    .map(([name, value]) => `${name}=${String(value)}`);
  if (!out.isTty) return [event.at, event.type, ...fields].map(oneLine).join('\t');
  const tone = TONES.find(([like]) => like.test(event.type))?.[1];
  return [
    out.paint('dim', event.at.slice(11, 23)),
    out.paint(tone, oneLine(event.type).padEnd(18)),
    oneLine(fields.join(' ')),
  ].join(' ');
}
