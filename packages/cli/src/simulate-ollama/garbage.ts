/** What something that is not Ollama, or not well, may answer instead of an answer. */
import { randomBytes } from 'node:crypto';
import type { FaultName } from './faults.ts';
import type { WriteLine } from './generation.ts';
import type { Exchange } from './http-answers.ts';
import { NDJSON_TYPE, sendBody } from './http-answers.ts';
import type { Finish } from './run-on-model.ts';

interface Instead {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: () => string | Buffer;
}

const MEBIBYTE = 1024 * 1024;
const LONG_LINE_BYTES = 10 * MEBIBYTE;
const HTML = '<!doctype html><html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>';

const INSTEAD: Partial<Record<FaultName, Instead>> = {
  html: { status: 200, type: 'text/html; charset=utf-8', body: () => HTML },
  binary: {
    status: 200,
    type: 'application/octet-stream',
    body: () => randomBytes(4096).map((byte) => (byte === 0x0a ? 0 : byte)) as Buffer,
  },
  long_line: {
    status: 200,
    type: NDJSON_TYPE,
    body: () => `{"response":"${'x'.repeat(LONG_LINE_BYTES)}`,
  },
  error_200: {
    status: 200,
    type: NDJSON_TYPE,
    body: () => '{"error":"an error was encountered while running the model: unexpected EOF"}\n',
  },
  error_429: {
    status: 429,
    type: 'text/plain; charset=utf-8',
    headers: { 'retry-after': '1' },
    body: () => 'Too many requests',
  },
};

/** Sends what a fault puts in the place of an answer, before any model is asked. */
export function answerInstead({ response }: Exchange, fault: FaultName | undefined): Finish | undefined {
  const instead = fault && INSTEAD[fault];
  if (!instead) return undefined;
  const { status, type, headers = {}, body } = instead;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  sendBody(response, status, type, body());
  return { outcome: status === 200 ? 'failed' : 'refused', status };
}

/** A line that is right but for two bytes, which are not UTF-8. */
export function invalidUtf8Line(line: WriteLine): Buffer {
  const [before, after] = line('@@', '').split('@@');
  return Buffer.concat([Buffer.from(before!), Buffer.from([0xff, 0xfe]), Buffer.from(`${after}\n`)]);
}

/** Every number below zero. */
export function negated<Numbers extends object>(numbers: Numbers): Numbers {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, -value])) as Numbers;
}
