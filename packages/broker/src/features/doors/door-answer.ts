/** One call through a door: an ordinary request is sent, and its answer waited for or passed on as it comes. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CreateRequest, Request } from '../../kernel/contract.generated.ts';
import { FilaError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Accepted, Arrival, Requests } from '../requests/requests.ts';
import type { StreamEvent, StreamEvents, Streams } from '../streams/streams.ts';
import { ofCall, ofRequest, RESTARTED, STOPPING, type DoorError } from './door-errors.ts';

/** How one API says things; made for each call. */
export interface Shape {
  whole(request: Request): object;
  readonly streamType: string;
  piece(piece: { text?: string; thinking?: string }): string;
  /** Says nothing, and keeps the connection. */
  quiet(): string;
  end(request: Request): string;
  /** In the middle of a stream, where no status can be sent any more. */
  broken(error: DoorError): string;
}

export type Question = { readonly input: CreateRequest } & (
  | { readonly isStream: boolean; readonly shape: Shape }
  | { readonly isStream: false; readonly shape: Pick<Shape, 'whole'> }
);

export interface DoorDeps {
  readonly requests: Pick<Requests, 'cancel'>;
  readonly streams: Pick<Streams, 'listen'>;
  readonly arrive: (arrival: Arrival) => Promise<Accepted>;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
  readonly idempotencyKeyOf: (request: FastifyRequest) => string | null;
  /** Throws when it is no request of the contract. */
  readonly checkInput: (input: unknown) => void;
  /** Of whatever was thrown. */
  readonly errorOf: (thrown: unknown) => FilaError;
  readonly logger: Logger;
}

/** Who reads nothing for this long is gone. */
const STALL_MS = 30_000;

export function createDoorAnswer(deps: DoorDeps) {
  const { requests, streams, arrive, keyOf, logger } = deps;

  /** Throws a DoorError wrapped for the door's error handler, or answers. */
  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { input, shape, isStream }: Question,
  ): Promise<FastifyReply> {
    deps.checkInput(input);
    const key = keyOf(request);
    const idempotencyKey = deps.idempotencyKeyOf(request);
    const { request: accepted, isRepeated } = await arrive({ key, input, idempotencyKey });
    if (isRepeated) void reply.header('idempotent-replayed', 'true');
    // Its end gives the place back, whatever this call is answered with.
    request.keepsPlace = !isRepeated;
    void reply.header('x-fila-request', accepted.id);
    const gone = new AbortController();
    const events = streams.listen(key.id, accepted.id, { signal: gone.signal });
    let isDone = false;
    const leave = (): void => {
      gone.abort();
      void events.return();
      // Nobody could read the answer; who sent a key of his own can ask again.
      if (!isDone && idempotencyKey === null) void cancel(key.id, accepted.id);
    };
    // It may have been gone before its request was stored.
    if (reply.raw.closed) leave();
    else reply.raw.once('close', leave);
    const done = (): void => void (isDone = true);
    if (!isStream) return reply.send(shape.whole(answered(await lastOf(events), done)));
    const first = await firstOf(events);
    if (first?.type === 'done') answered(first, done);
    if (!first) throw new DoorFailure(STOPPING);
    void reply.type(shape.streamType).header('x-accel-buffering', 'no');
    const text = write(first, events, { shape, reply, done });
    return reply.send(Readable.from(text, { objectMode: false, highWaterMark: 16 * 1024 }));
  }

  function answered(last: StreamEvent | null, done: () => void): Request {
    if (last?.type !== 'done') throw new DoorFailure(STOPPING);
    done();
    const error = ofRequest(last.request);
    if (error) throw new DoorFailure(error);
    return last.request;
  }

  async function* write(
    first: StreamEvent,
    events: StreamEvents,
    { shape, reply, done }: { shape: Shape; reply: FastifyReply; done: () => void },
  ): AsyncGenerator<string, void> {
    let hasSpoken = false;
    try {
      for (let event: StreamEvent | null = first; event; event = await nextOf(events)) {
        // What was said cannot be taken back here.
        if (event.type === 'restart' && hasSpoken) return void (yield shape.broken(RESTARTED));
        if (event.type === 'done') done();
        const text = textOf(event, shape);
        if (text === '') continue;
        hasSpoken ||= event.type === 'token';
        const stalled = setTimeout(() => reply.raw.destroy(), STALL_MS);
        try {
          yield text;
        } finally {
          clearTimeout(stalled);
        }
        if (event.type === 'done') return;
      }
      yield shape.broken(STOPPING);
    } catch (thrown) {
      const error = deps.errorOf(thrown);
      if (error.code === 'internal_error')
        logger.error({ err: thrown, http: reply.request.id }, 'a stream broke');
      yield shape.broken(ofCall(error));
    }
  }

  async function cancel(keyId: string, id: string): Promise<void> {
    try {
      await requests.cancel(keyId, id);
    } catch (error) {
      if (error instanceof FilaError) return;
      logger.warn({ err: error, requestId: id }, 'a request whose caller left could not be cancelled');
    }
  }

  return answer;
}

/** Carries what a request failed with to the error handler of its door. */
export class DoorFailure extends Error {
  readonly error: DoorError;

  constructor(error: DoorError) {
    super(error.message);
    this.error = error;
  }
}

function textOf(event: StreamEvent, shape: Shape): string {
  if (event.type === 'token') return shape.piece(event);
  if (event.type === 'quiet') return shape.quiet();
  if (event.type !== 'done') return '';
  const error = ofRequest(event.request);
  return error ? shape.broken(error) : shape.end(event.request);
}

async function nextOf(events: StreamEvents): Promise<StreamEvent | null> {
  const { value, done } = await events.next();
  return done ? null : (value as StreamEvent);
}

/** The first that has something to say: what fails before is answered with a status. */
async function firstOf(events: StreamEvents): Promise<StreamEvent | null> {
  for (let event = await nextOf(events); event; event = await nextOf(events))
    if (event.type === 'token' || event.type === 'done' || event.type === 'quiet') return event;
  return null;
}

async function lastOf(events: StreamEvents): Promise<StreamEvent | null> {
  let last: StreamEvent | null = null;
  for (let event = await nextOf(events); event; event = await nextOf(events)) last = event;
  return last;
}
