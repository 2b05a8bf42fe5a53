/** The live screen in a real terminal: shows what happens, follows its size, finds the daemon again, leaves no trace. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fila } from '@fila/sdk';
import {
  startSimulatedOllama,
  type SimulatedOllama,
} from '../../packages/cli/src/simulate-ollama/simulate-ollama.ts';
import { CLI, startDaemon, type Daemon } from '../helpers/daemon.ts';
import { openTerminal, type Terminal } from '../helpers/terminal.ts';
import { tmuxAvailable } from '../services/need.ts';

describe.skipIf(!tmuxAvailable)('fila top', () => {
  let ollama: SimulatedOllama;
  let daemon: Daemon;
  let settings: Record<string, string>;
  let admin: Fila;
  let client: Fila;
  let load: NodeJS.Timeout;
  const terminals: Terminal[] = [];

  beforeAll(async () => {
    ollama = await startSimulatedOllama({ slots: 2, answerTokens: 5 });
    settings = { FILA_OLLAMA_URLS: `${ollama.url}#slots=2` };
    daemon = await startDaemon(settings);
    const { port } = new URL(daemon.url);
    settings = { ...settings, FILA_PORT: port };
    admin = new Fila({ url: daemon.url, adminToken: daemon.adminToken });
    // A name that would clear the screen, turn the line around and end it, if it could.
    const { key } = await admin.keys.create({ name: 'shop\u202e' });
    client = new Fila({ url: daemon.url, apiKey: key, maxRetries: 0 });
    let n = 0;
    const send = (): void => {
      n += 1;
      const model = n % 20 === 0 ? 'nobody-has-this' : undefined;
      client.requests.create({ prompt: `secret-of-a-client ${n}`, model }).catch(() => undefined);
    };
    load = setInterval(send, 50);
  });
  afterAll(async () => {
    clearInterval(load);
    await daemon.stop();
    await ollama.stop();
  });
  afterEach(() => {
    for (const terminal of terminals.splice(0)) terminal.close();
  });

  function top(columns: number, rows: number, ...more: string[]): Terminal {
    const terminal = openTerminal({
      ...{ columns, rows, command: [process.execPath, CLI, 'top', '--interval', '500ms', ...more] },
      environment: {
        ...{ FILA_URL: daemon.url, FILA_TOKEN: daemon.adminToken, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
        ...{ NODE_ENV: 'production', FILA_LANG: 'en', NO_COLOR: '' },
      },
    });
    terminals.push(terminal);
    return terminal;
  }

  it('shows the load live, each view by its key, and nothing of what is asked', async () => {
    const terminal = top(100, 30);
    await terminal.shows(/FILA .* OK\s+live/);
    await terminal.shows(/in +\d+\.\d\/s ▁*[▂▃▄▅▆▇█]/);
    expect(terminal.isAlternate()).toBe(true);
    terminal.keys('2');
    await terminal.shows(/completed +shop/);
    terminal.keys('3');
    await terminal.shows('model_not_found');
    terminal.keys('4');
    await terminal.shows(/shop.* active/);
    terminal.keys('5');
    await terminal.shows(/✔ up/);
    terminal.keys('6');
    await terminal.shows('No endpoint is failing');
    terminal.keys('7');
    const events = await terminal.shows('request.completed');
    expect(events).not.toContain('secret-of-a-client');
    terminal.keys('q');
    await terminal.shows('ended with 0');
    expect(terminal.isAlternate()).toBe(false);
    expect(terminal.isCursorShown()).toBe(true);
  });

  it.each([
    [100, 30],
    [80, 24],
    [60, 16],
  ])('fits %i x %i, also when it gets there by a change of size', async (columns, rows) => {
    const terminal = top(columns === 100 ? 80 : 100, columns === 100 ? 24 : 30);
    await terminal.shows(/waiting +\d/);
    terminal.resize(columns, rows);
    await terminal.shows(
      (columns >= 100 ? '1 Overview' : '1 Over') + (columns >= 100 ? '  2 Requests' : '  2 Req'),
    );
    await terminal.shows(/ \/ filter/);
    const lines = terminal.screen();
    expect(lines).toHaveLength(rows);
    expect(lines[0]).toMatch(/^ FILA /);
    expect(lines[rows - 1]).toMatch(/^ \/ filter/);
  });

  it('suspends a key after it has asked, and not on a read-only screen', async () => {
    const { items } = await admin.keys.list().page();
    const id = items[0]!.id;
    const terminal = top(80, 24, '--view', 'keys');
    await terminal.shows(/shop.* active/);
    terminal.keys('S');
    await terminal.shows(`fila keys suspend ${id}`);
    terminal.keys('Enter');
    terminal.keys('y');
    await terminal.shows(/shop.* suspended/);
    expect((await admin.keys.get(id)).status).toBe('suspended');
    await admin.keys.resume(id);
    const looking = top(80, 24, '--view', 'keys', '--readonly');
    await looking.shows(/RO .*\d\d:\d\d:\d\d/);
    looking.keys('S');
    await looking.shows('read-only');
    expect((await admin.keys.get(id)).status).toBe('active');
  });

  it('says that the daemon is gone, and goes on when it is back', async () => {
    const terminal = top(80, 24);
    await terminal.shows(/OK\s+live/);
    await daemon.stop();
    await terminal.shows('connection lost');
    await terminal.shows(/STALE \d+/);
    daemon = await startDaemon(settings, daemon.dataDir);
    await terminal.shows(/OK\s+live/);
    expect(terminal.screen().join('\n')).not.toContain('connection lost');
    terminal.keys('C-c');
    await terminal.shows('ended with 0');
  });

  it('leaves the terminal as it was, also after SIGTERM', async () => {
    const terminal = top(80, 24);
    await terminal.shows(/OK\s+live/);
    process.kill(terminal.pid(), 'SIGTERM');
    await terminal.shows('ended with 143');
    expect(terminal.isAlternate()).toBe(false);
    expect(terminal.isCursorShown()).toBe(true);
  });

  it('ends with the reason when the token is wrong', async () => {
    const terminal = openTerminal({
      ...{ columns: 80, rows: 24, command: [process.execPath, CLI, 'top'] },
      environment: { FILA_URL: daemon.url, FILA_TOKEN: 'wrong', LC_ALL: 'C.UTF-8' },
    });
    terminals.push(terminal);
    await terminal.shows('ended with 4');
    expect(terminal.screen().join('\n')).toContain('refused the key, the session or the token');
    expect(terminal.isAlternate()).toBe(false);
  });
});
