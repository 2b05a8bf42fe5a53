/** Sends a generation to its caller at the model's pace, streamed or whole, with whatever fault was chosen. */
import type { ServerResponse } from 'node:http';
import { RUNNER_FAILED } from './error-texts.ts';
import type { FaultName } from './faults.ts';
import { invalidUtf8Line } from './garbage.ts';
import type { AnswerEnd, Generation, WriteLine } from './generation.ts';
import type { Exchange } from './http-answers.ts';
import { JSON_TYPE, NDJSON_TYPE, refuse, sendRefusal } from './http-answers.ts';
import { writePiecemeal } from './piecemeal.ts';
import type { Finish } from './run-on-model.ts';
import { sleep, sleepUntil, untilAborted } from './sleep.ts';

export interface Delivery {
  exchange: Exchange;
  isStreamed: boolean;
  generation: Generation;
  fault: FaultName | undefined;
  /** 0: all tokens at once, without a timer. */
  tokenMs: number;
  line: WriteLine;
  /** Asked for when the last token is out, so that the durations are true. */
  end(): AnswerEnd;
}

/** How an answer goes: all of it or half, and what follows. */
interface Course {
  isHalf: boolean;
  ending: 'done' | 'nothing' | 'error' | 'hang' | 'reset';
}

const HEALTHY: Course = { isHalf: false, ending: 'done' };
const COURSES: Partial<Record<FaultName, Course>> = {
  mid_stream_error: { isHalf: true, ending: 'error' },
  no_done: { isHalf: true, ending: 'nothing' },
  done_false: { isHalf: false, ending: 'nothing' },
  hang_mid_stream: { isHalf: true, ending: 'hang' },
  reset: { isHalf: true, ending: 'reset' },
};
const FLUSH_CHARACTERS = 64 * 1024;

export async function deliverAnswer(delivery: Delivery): Promise<Finish> {
  const { signal } = delivery.exchange;
  const course = (delivery.fault && COURSES[delivery.fault]) ?? HEALTHY;
  const { thinking, tokens } = delivery.generation;
  const all = thinking.length + tokens.length;
  const count = course.isHalf ? Math.ceil(all / 2) : all;
  const finish = await (delivery.isStreamed ? stream : sendWhole)(delivery, course, count);
  return signal.aborted && course.ending !== 'reset' ? { ...finish, outcome: 'cancelled' } : finish;
}

async function stream(delivery: Delivery, course: Course, count: number): Promise<Finish> {
  const { exchange, fault, generation, line } = delivery;
  const { response, signal } = exchange;
  const { thinking, tokens } = generation;
  const write = (text: string) =>
    fault === 'split_utf8' ? writePiecemeal(response, text) : writeAndDrain(response, text);
  const open = () => {
    if (response.headersSent) return;
    const type = fault === 'wrong_type' ? 'text/html; charset=utf-8' : NDJSON_TYPE;
    response.writeHead(200, { 'content-type': type, 'transfer-encoding': 'chunked' });
  };
  const isGarbled = fault === 'garbage_line' || fault === 'invalid_utf8';
  const garbageAt = isGarbled ? Math.floor(count / 2) : -1;

  // What comes without a pace leaves with the end, in one packet: a fast server writes once a call.
  const waitsForEnd = delivery.tokenMs <= 0 && fault === undefined;
  let text = '';
  await atPace(delivery.tokenMs, count, signal, async (from, to) => {
    open();
    for (let at = from; at < to; at++) {
      if (at === garbageAt && fault === 'garbage_line') text += `${line('', '').slice(0, -9)}\n`;
      if (at === garbageAt && fault === 'invalid_utf8') {
        await write(text);
        response.write(invalidUtf8Line(line));
        text = '';
      }
      text += at < thinking.length ? line('', thinking[at]!) : line(tokens[at - thinking.length]!, '');
      text += '\n';
      if (text.length < FLUSH_CHARACTERS) continue;
      await write(text);
      text = '';
    }
    if (text === '' || waitsForEnd) return;
    await write(text);
    text = '';
  });

  if (signal.aborted) return { outcome: 'cancelled', status: response.headersSent ? 200 : undefined };
  open();
  switch (course.ending) {
    case 'done':
      if (generation.toolCalls.length > 0) text += `${line('', '', undefined, generation.toolCalls)}\n`;
      text += `${line('', '', delivery.end())}
`;
      if (fault === 'duplicate_done')
        text += `${line('Once more', '')}
${line('', '', delivery.end())}
`;
      if (waitsForEnd) response.end(text);
      else {
        await write(text);
        response.end();
      }
      return { outcome: isGarbled ? 'failed' : 'completed', status: 200 };
    case 'error':
      response.end(`${JSON.stringify({ error: RUNNER_FAILED })}\n`);
      return { outcome: 'failed', status: 200 };
    case 'nothing':
      response.end();
      return { outcome: 'failed', status: 200 };
    case 'hang':
      return { ...(await hang(signal)), status: 200 };
    case 'reset':
      return reset(response, '');
  }
}

async function sendWhole(delivery: Delivery, course: Course, count: number): Promise<Finish> {
  const { exchange, fault, generation, line } = delivery;
  const { response, signal } = exchange;
  if (course.ending === 'hang') return hang(signal);
  await atPace(delivery.tokenMs, count, signal, () => undefined);
  if (signal.aborted) return { outcome: 'cancelled' };
  if (course.ending === 'error') {
    sendRefusal(response, refuse(500, RUNNER_FAILED));
    return { outcome: 'failed', status: 500 };
  }
  const thinking = generation.thinking.slice(0, count).join('');
  const content = generation.tokens.slice(0, Math.max(0, count - generation.thinking.length)).join('');
  const end = course.ending === 'nothing' ? undefined : delivery.end();
  const outcome = await sendFaulty(response, fault, line(content, thinking, end, generation.toolCalls));
  return { outcome: course.ending === 'nothing' ? 'failed' : outcome, status: 200 };
}

/** A whole JSON body with status 200, and what a fault makes of it. Embeddings use it too. */
export async function sendFaulty(
  response: ServerResponse,
  fault: FaultName | undefined,
  body: string,
): Promise<'completed' | 'failed'> {
  const sent = fault === 'garbage_line' ? body.slice(0, -9) : body;
  response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(sent) });
  if (fault === 'reset') return (await reset(response, sent.slice(0, sent.length / 2))).outcome;
  if (fault === 'split_utf8') await writePiecemeal(response, sent);
  else await writeAndDrain(response, sent);
  response.end();
  return fault === 'garbage_line' ? 'failed' : 'completed';
}

/** Nothing more is said; the caller's leaving is the only end. */
export async function hang(signal: AbortSignal): Promise<Finish> {
  await untilAborted(signal);
  return { outcome: 'cancelled' };
}

async function reset(
  response: ServerResponse,
  lastWords: string,
): Promise<{ outcome: 'failed'; status: number }> {
  response.flushHeaders();
  if (lastWords !== '') await writeAndDrain(response, lastWords);
  // What was written must reach the caller before its socket dies.
  await sleep(1);
  response.destroy();
  return { outcome: 'failed', status: 200 };
}

async function writeAndDrain(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await new Promise<void>((resolve) => {
    const proceed = () => {
      response.off('drain', proceed).off('close', proceed);
      resolve();
    };
    response.on('drain', proceed).on('close', proceed);
  });
}

/** Calls `due` whenever tokens are; a caller who left is noticed at the next token, as by a real runner. */
async function atPace(
  tokenMs: number,
  count: number,
  signal: AbortSignal,
  due: (from: number, to: number) => Promise<void> | void,
): Promise<void> {
  if (tokenMs <= 0) return due(0, count);
  const startedMs = performance.now();
  for (let done = 0; done < count && !signal.aborted;) {
    await sleepUntil(startedMs + (done + 1) * tokenMs);
    if (signal.aborted) return;
    const reached = Math.floor((performance.now() - startedMs) / tokenMs);
    const to = Math.min(count, Math.max(done + 1, reached));
    await due(done, to);
    done = to;
  }
}
