import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Event, Fila } from '@fila/sdk';
import { describe, expect, it, vi } from 'vitest';
import { startTop } from './start-top.tsx';
import { aKeyLine, aPicture } from './testing/sample-state.ts';

const ENTERED = '\u001b[?1049h';
const LEFT = '\u001b[?1049l';
const CURSOR = '\u001b[?25h';

function terminal() {
  let text = '';
  const stdout = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
  stdout.on('data', (piece: Buffer) => (text += piece.toString('utf8')));
  const stdin = Object.assign(new PassThrough(), {
    ...{ isTTY: true, setRawMode: () => stdin, ref: () => stdin, unref: () => stdin },
  });
  return { stdout, stdin, text: () => text };
}

interface FakeBroker {
  readonly fila: Fila;
  readonly did: string[];
}

/** What the screen asks of the SDK, answered from memory; the stream ends when it is told to. */
function fakeBroker(broken?: Error): FakeBroker {
  const did: string[] = [];
  async function* events({ signal }: { signal: AbortSignal }): AsyncGenerator<Event> {
    if (broken) throw broken;
    yield { id: '', type: 'overview', at: 'now', overview: aPicture() as Event['overview'] };
    yield { id: 'a-1', type: 'request.failed', at: '2026-01-02T11:59:00.000Z', request_id: 'req_1' };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  const page = async () => ({ items: [aKeyLine()], next_cursor: null });
  const keys = {
    list: () => ({ page }),
    suspend: async (id: string) => void did.push(`suspend ${id}`),
    revoke: async () => {
      throw new Error('It is gone.');
    },
  };
  return { fila: { events, keys, overview: async () => aPicture() } as unknown as Fila, did };
}

function start(broker: FakeBroker, more: Partial<Parameters<typeof startTop>[0]> = {}) {
  const { stdout, stdin, text } = terminal();
  const signals = new EventEmitter();
  const host = {
    stdin,
    stdout,
    stderr: new PassThrough(),
    env: {},
    now: Date.now,
    signals,
    exit: () => undefined,
  };
  const ended = startTop({
    ...{
      host: host as never,
      fila: broker.fila,
      url: 'http://127.0.0.1:7433',
      version: '0.1.0',
      view: 'keys',
    },
    ...{ everyMs: 50, busiest: 10, isReadOnly: false, isPlain: false, hasColour: false, language: 'en' },
    ...more,
  });
  ended.catch(() => undefined);
  const type = (keys: string): void => void stdin.write(keys);
  const shows = (what: string): Promise<void> => vi.waitFor(() => expect(text()).toContain(what), 5_000);
  return { ended, signals, text, type, shows };
}

describe('fila top from start to end', () => {
  it('shows what the broker says, and leaves the terminal as it was', async () => {
    const { ended, text, type, shows } = start(fakeBroker());
    await shows('live');
    await shows('shop');
    type('7');
    await shows('request.failed');
    expect(text()).toContain(ENTERED);
    type('q');
    expect(await ended).toBe(0);
    expect(text().lastIndexOf(LEFT)).toBeGreaterThan(text().lastIndexOf('live'));
    expect(text()).toContain(CURSOR);
  });

  it('does what was confirmed, and says how it went', async () => {
    const broker = fakeBroker();
    const { ended, type, shows } = start(broker);
    await shows('shop');
    type('Sy');
    await shows('done suspend 1');
    expect(broker.did).toEqual(['suspend key_1']);
    type('Xy');
    await shows('failed revoke 1/1: It is gone.');
    type('q');
    await ended;
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 143],
  ])('leaves the terminal as it was after %s', async (signal, code) => {
    const { ended, signals, text, shows } = start(fakeBroker());
    await shows('live');
    signals.emit(signal);
    expect(await ended).toBe(code);
    expect(text()).toContain(LEFT);
    expect(signals.eventNames()).toEqual([]);
  });

  it('leaves the terminal as it was after a crash, and says what it was', async () => {
    for (const name of ['uncaughtException', 'unhandledRejection']) {
      const { ended, signals, text, shows } = start(fakeBroker());
      await shows('live');
      signals.emit(name, new Error('a defect'));
      await expect(ended).rejects.toThrow('a defect');
      expect(text()).toContain(LEFT);
      expect(text()).toContain(CURSOR);
    }
  });

  it('ends with what will not get better', async () => {
    const { ended, text } = start(fakeBroker(new Error('The token is refused.')));
    await expect(ended).rejects.toThrow('The token is refused.');
    expect(text()).toContain(LEFT);
  });
});
