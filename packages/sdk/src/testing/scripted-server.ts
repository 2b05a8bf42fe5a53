/** For tests: a real HTTP server that answers call after call as a script says, and remembers the calls. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
  text?: string;
  /** drop: the connection breaks; hang: nothing ever comes; cut: it breaks within the body. */
  instead?: 'drop' | 'hang' | 'cut';
}

export type Script = readonly Reply[] | ((call: Received, index: number) => Reply | Promise<Reply>);

export interface ScriptedServer {
  url: string;
  calls: Received[];
  stop(): Promise<void>;
}

/** Stops with the test that started it. A list that is used up is answered with 599. `port` 0 = any. */
export async function scriptedServer(script: Script, port = 0): Promise<ScriptedServer> {
  const calls: Received[] = [];
  const next = typeof script === 'function' ? script : (_: Received, index: number) => script[index];
  const server = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      const { method = '', url = '', headers } = request;
      const call = { method, url, headers, body };
      calls.push(call);
      const used: Reply = { status: 599, text: 'the script is over' };
      send(response, (await next(call, calls.length - 1)) ?? used);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls, stop };
}

function send(response: ServerResponse, { status = 200, headers = {}, json, text, instead }: Reply): void {
  if (instead === 'hang') return;
  if (instead === 'drop') {
    response.destroy();
    return;
  }
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  const body = json === undefined ? (text ?? '') : JSON.stringify(json);
  if (instead === 'cut') {
    response.writeHead(status, { ...type, 'content-length': '1000' });
    response.write(body, () => response.destroy());
    return;
  }
  response.writeHead(status, { ...type, ...headers }).end(body);
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
  return body;
}
