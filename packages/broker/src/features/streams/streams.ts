/** Streams: who listens to a request hears its answer while it is being given, each part once. */
import type { Relay } from '../../engines/relay/relay.ts';
import type { Vault } from '../../engines/vault/vault.ts';
import type { Request } from '../../kernel/contract.generated.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Stage } from '../../kernel/stage.ts';
import type { Requests } from '../requests/requests.ts';
import type { CallOutcome } from '../upstreams/upstreams.ts';
import type { Job } from '../worker/worker.ts';
import { createEars } from './ears.ts';
import { createLiveAnswers, type LiveAnswer } from './live-answers.ts';
import { createRelayedAnswers } from './relayed-answers.ts';
import { piecesAfter, START, type Piece, type Position } from './stream-position.ts';

/** What a listener hears, in order. */
export type StreamEvent =
  | { readonly type: 'state'; readonly status: Request['status'] }
  | ({ readonly type: 'token' } & Piece)
  /** What was heard so far is void: another attempt begins the answer anew. */
  | { readonly type: 'restart'; readonly at: Position }
  /** The last one. */
  | { readonly type: 'done'; readonly request: Request; readonly at: Position }
  /** Nothing, for so long that a proxy might think the connection dead. */
  | { readonly type: 'quiet' };

export type StreamEvents = AsyncGenerator<StreamEvent, void>;

export interface ListenOptions {
  readonly after?: Position | null;
  readonly signal: AbortSignal;
}

export interface Streams extends Service {
  /** The stage of execution that lets others listen. */
  readonly follow: Stage<Job, CallOutcome>;
  /**
   * The first step rejects when there is no such request of this key. The events end with `done`, or without it when
   * the signal fires or the daemon stops. Who takes them slowly gets longer parts, not more of them. Whoever has taken
   * one and does not go on calls `return`.
   */
  listen(keyId: string, id: string, options: ListenOptions): StreamEvents;
  /** Ends every stream, because the daemon stops. */
  release(): void;
}

export interface StreamsDeps {
  readonly requests: Pick<Requests, 'findRun' | 'onEnded'>;
  readonly relay: Relay;
  readonly vault: Vault;
  readonly logger: Logger;
  /** This run of the daemon. */
  readonly run: string;
  readonly quietMs?: number;
}

const QUIET_MS = 15_000;
/** The end of what runs here is heard; what runs elsewhere may end unheard. */
const LOOK_EVERY_MS = { here: 10_000, elsewhere: 1_000 };

type Answer = Pick<LiveAnswer, 'fence' | 'text' | 'thinking'>;

export function createStreams(deps: StreamsDeps): Streams {
  const { requests, relay, vault, logger, run, quietMs = QUIET_MS } = deps;
  const live = createLiveAnswers();
  const ears = createEars();
  const relayed = createRelayedAnswers({
    ...{ relay, vault, live, logger, run },
    onEnded: (id) => ears.ended(id),
  });
  const closing = new AbortController();

  async function follow(job: Job, next: (job: Job) => Promise<CallOutcome>): Promise<CallOutcome> {
    const answer = live.open(job.row.id, job.row.fence);
    relayed.began(answer);
    try {
      return await next({ ...job, onProgress: (delta) => answer.add(delta) });
    } finally {
      live.close(answer);
    }
  }

  /** The newer of the two: a run that has lost its lease may not know it yet. */
  function answerOf(id: string): LiveAnswer | null {
    const [here, elsewhere] = [live.find(id), relayed.find(id)];
    if (here && elsewhere) return here.fence >= elsewhere.fence ? here : elsewhere;
    return here ?? elsewhere;
  }

  async function* listen(keyId: string, id: string, options: ListenOptions): StreamEvents {
    const signal = AbortSignal.any([options.signal, closing.signal]);
    const ear = ears.open(id);
    const ends = [() => ear.close(), live.listen(id, ear.ring), relayed.ask(id)];
    try {
      let { request, fence } = await requests.findRun(keyId, id);
      let at = options.after ?? START;
      let status: Request['status'] | null = null;
      let lookedAt = performance.now();
      let saidAt = lookedAt;
      while (!signal.aborted) {
        const answer = request.completed_at === null ? answerOf(id) : null;
        const isNew = answer !== null && answer.fence >= at.fence;
        const shown = isNew ? 'processing' : request.status;
        if (shown !== status) yield { type: 'state', status: (status = shown) };
        if (request.completed_at !== null) {
          const { result } = request;
          if (result) at = yield* missing(at, { fence, thinking: '', ...result });
          return void (yield { type: 'done', request, at });
        }
        const before = at;
        if (isNew) at = yield* missing(at, answer);
        // While it is being given it has not ended, and to look would hold up what comes.
        if (at !== before) saidAt = lookedAt = performance.now();
        const isHere = answer !== null && answer === live.find(id);
        const lookAt = lookedAt + LOOK_EVERY_MS[isHere ? 'here' : 'elsewhere'];
        const untilMs = Math.min(lookAt, saidAt + quietMs) - performance.now();
        await ear.wait(Math.max(0, untilMs), signal);
        if (performance.now() - saidAt >= quietMs) {
          yield { type: 'quiet' };
          saidAt = performance.now();
        }
        const isOver = ear.takeEnd() || (isHere && live.find(id) === null);
        if (!isOver && performance.now() < lookAt) continue;
        lookedAt = performance.now();
        ({ request, fence } = await requests.findRun(keyId, id));
      }
    } finally {
      for (const end of ends) end();
    }
  }

  requests.onEnded((id) => {
    ears.ended(id);
    relayed.ended(id);
  });

  return {
    ...{ name: 'streams', follow, listen },
    start: async () => relayed.start(),
    stop: async () => {
      closing.abort();
      relayed.stop();
    },
    release: () => closing.abort(),
  };
}

/** What of an answer somebody has not heard; returns how far he has heard it then. */
function* missing(at: Position, answer: Answer): Generator<StreamEvent, Position> {
  let now = at;
  if (answer.fence !== at.fence) {
    now = { ...START, fence: answer.fence };
    if (at.thinking + at.text > 0) yield { type: 'restart', at: now };
  }
  for (const piece of piecesAfter(now, answer)) {
    now = piece.at;
    yield { type: 'token', ...piece };
  }
  return now;
}
