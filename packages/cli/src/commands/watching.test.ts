import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../testing/run-cli.ts';
import { aPicture, aRequestLine } from '../tui/testing/sample-state.ts';

type Answer = (response: ServerResponse, call: number) => void;

/** A broker that answers each question as it is told to. */
async function brokerOf(answer: Answer): Promise<{ urls: string[]; env: Record<string, string> }> {
  const urls: string[] = [];
  const server = createServer((request, response) => {
    urls.push(request.url!);
    answer(response, urls.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { urls, env: { FILA_URL: url, FILA_TOKEN: 'a-token' } };
}

const json = (response: ServerResponse, body: object, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const event = (type: string, more: object = {}): string =>
  `id: a-1\ndata: ${JSON.stringify({ id: 'a-1', type, at: '2026-01-01T10:20:30.400Z', ...more })}\n\n`;
const streams =
  (text: string): Answer =>
  (response) =>
    void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);

/** Ends the command when it has printed this. */
const until = (what: string, signal = 'SIGINT'): Pick<CliSetup, 'onStdout'> => ({
  onStdout: (text, signals) => {
    if (text.includes(what)) signals.emit(signal);
  },
});

describe('fila events tail', () => {
  it('prints each event as it comes, until Ctrl-C', async () => {
    const { urls, env } = await brokerOf(streams(event('request.accepted', { request_id: 'req_1' })));
    const run = await runCli(['events', 'tail', '--kinds', 'request,limit', '--most', '5'], {
      env,
      ...until('req_1'),
    });
    expect(run).toMatchObject({ code: 130, stderr: '' });
    expect(run.stdout).toBe('2026-01-01T10:20:30.400Z\trequest.accepted\trequest_id=req_1\n');
    expect(urls).toEqual(['/api/v1/admin/events?kinds=request%2Climit&most_per_second=5']);
  });

  it('prints JSON lines for programs, and nothing that moves a cursor', async () => {
    const { env } = await brokerOf(streams(event('upstream.down', { detail: '\u001b[2Jgone\u202e' })));
    const run = await runCli(['events', 'tail', '-o', 'jsonl'], { env, ...until('\n', 'SIGTERM') });
    expect(run.code).toBe(143);
    expect(JSON.parse(run.stdout)).toMatchObject({ type: 'upstream.down', detail: '\u001b[2Jgone\u202e' });
    expect(run.stdout).not.toMatch(/[\u001b\u202e]/);
    const shown = await runCli(['events', 'tail'], { env, columns: 80, ...until('\n') });
    expect(shown.stdout).toContain('10:20:30.400 upstream.down');
    expect(shown.stdout).not.toMatch(/[\u001b\u202e]/);
  });

  it('refuses a kind that does not exist', async () => {
    expect(await runCli(['events', 'tail', '--kinds', 'request,gossip'])).toMatchObject({ code: 2 });
  });

  it('ends when the token is refused', async () => {
    const problem = {
      type: 'x',
      title: 'No',
      status: 401,
      code: 'unauthorized',
      request_id: 'r',
      detail: 'No.',
    };
    const { env } = await brokerOf((response) => json(response, problem, 401));
    expect(await runCli(['events', 'tail'], { env })).toMatchObject({ code: 4 });
  });
});

describe('fila stats', () => {
  it('prints a line of figures each time, with a header on a terminal', async () => {
    const { urls, env } = await brokerOf((response) => json(response, aPicture()));
    const run = await runCli(['stats', '--interval', '250ms', '--count', '2'], { env, columns: 120 });
    const [header, ...lines] = run.stdout.trimEnd().split('\n');
    expect(header!.trim().split(/\s+/).slice(0, 4)).toEqual(['TIME', 'WAIT', '+-/s', 'OLDEST']);
    expect(lines).toHaveLength(2);
    expect(lines[0]!.trim().split(/\s+/)).toEqual([
      ...['12:00:00', '184', '+3.1', '41.0s', '11', '6', '12.4', '9.3', '0.1', '7', '1/2', '0', '150M'],
    ]);
    expect(urls).toHaveLength(2);
    const piped = await runCli(['stats', '--count', '1'], { env });
    expect(piped.stdout.split('\t')).toHaveLength(13);
  });

  it('prints the whole overview for programs', async () => {
    const { env } = await brokerOf((response) => json(response, aPicture()));
    const run = await runCli(['stats', '--count', '1', '-o', 'jsonl'], { env });
    expect(JSON.parse(run.stdout)).toMatchObject({ requests: { pending: 184 } });
  });

  it('goes on through an answer that fails, and says so; the first must not fail', async () => {
    const { env } = await brokerOf((response, call) =>
      call === 2 ? response.destroy() : json(response, aPicture()),
    );
    const run = await runCli(['stats', '--interval', '250ms', '--count', '3'], { env });
    expect(run.code).toBe(0);
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(run.stderr).toContain('connection');
    expect(await runCli(['stats'], { env: { ...env, FILA_URL: 'http://127.0.0.1:1' } })).toMatchObject({
      code: 7,
    });
  });

  it('refuses an interval that would be a flood', async () => {
    for (const interval of ['100ms', '2', '2h', '-1s'])
      expect((await runCli(['stats', '--interval', interval])).code).toBe(2);
  });
});

describe('fila top', () => {
  it('is for terminals: elsewhere it says what to use instead', async () => {
    const run = await runCli(['top'], { env: { FILA_TOKEN: 'x' } });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    for (const word of ['terminal', 'fila stats', 'fila events tail']) expect(run.stderr).toContain(word);
  });

  it('refuses a view or a language that does not exist', async () => {
    expect((await runCli(['top', '--view', 'nothing'])).code).toBe(2);
    expect((await runCli(['top', '--lang', 'xx'])).code).toBe(2);
  });
});

describe('fila requests --all-keys', () => {
  const line = { ...aRequestLine({ status: 'failed', error_code: 'x_error', processing_time: 1234 }) };

  it('cancels one of another key', async () => {
    const { urls, env } = await brokerOf((response) => json(response, { ...line, status: 'cancelled' }));
    const run = await runCli(['requests', 'cancel', '--all-keys', line.id], { env });
    expect(run).toMatchObject({ code: 0 });
    expect(urls).toEqual([`/api/v1/admin/requests/${line.id}/cancel`]);
  });
});
