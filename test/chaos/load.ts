/** Clients: send prompts at seeded moments, read, wait and cancel, and write down every call and its end. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila, FilaError, type Request } from '@fila/sdk';
import { seededChance, type Chance } from './chance.ts';
import type { ClientKey } from './cluster.ts';
import { type History, type Intent, type Operation, type Seen, TERMINAL } from './history.ts';

export interface LoadPlan {
  readonly seed: number;
  readonly requests: number;
  /** They arrive over this time. */
  readonly durationMs: number;
  /** They come in bunches, at these moments. */
  readonly bursts?: readonly number[] | undefined;
  /** Calls under way at once; who would be one more waits. */
  readonly maxInFlight: number;
  /** Repeats a call whose end is not known under its idempotency key. */
  readonly isIdempotent: boolean;
  /** Where ends are told; null without webhooks. */
  readonly callbackUrl: string | null;
  readonly habits?: Partial<Habits>;
}

/** How clients behave; shares are of all requests. */
export interface Habits {
  readonly waits: number;
  readonly cancels: number;
  readonly cancelsLate: number;
  /** Of those with an idempotency key. */
  readonly repeatsAnswered: number;
  /** The longest time between two looks. */
  readonly pauseMs: number;
}

export interface LoadTarget {
  readonly urls: readonly string[];
  readonly keys: readonly ClientKey[];
  readonly history: History;
}

export const MODELS = ['llama3:8b', 'gemma2:2b'];
const CALL_TIMEOUT_MS = 3_000;
const REPEATS = 5;
const READS = 4;
const BURST_MS = 50;

const HABITS: Habits = {
  waits: 0.15,
  cancels: 0.08,
  cancelsLate: 0.05,
  repeatsAnswered: 0.1,
  pauseMs: 1_500,
};

/** Resolves when every client has done what it came for; no call lasts longer than some seconds. */
export async function runLoad(plan: LoadPlan, target: LoadTarget): Promise<void> {
  const chance = seededChance(plan.seed).fork('load');
  const gate = turnstile(plan.maxInFlight);
  const { bursts } = plan;
  const momentMs = (): number =>
    bursts ? chance.pick(bursts) + chance.whole(0, BURST_MS) : chance.next() * plan.durationMs;
  const moments = Array.from({ length: plan.requests }, momentMs).sort((one, other) => one - other);
  const started = performance.now();
  const stories: Promise<void>[] = [];
  for (const [n, atMs] of moments.entries()) {
    const waitMs = atMs - (performance.now() - started);
    if (waitMs > 0) await delay(waitMs);
    stories.push(tellStory(n, { plan, target, gate, chance: chance.fork(`story ${n}`) }));
  }
  await Promise.all(stories);
}

interface Teller {
  readonly plan: LoadPlan;
  readonly target: LoadTarget;
  readonly gate: <T>(work: () => Promise<T>) => Promise<T>;
  readonly chance: Chance;
}

async function tellStory(n: number, teller: Teller): Promise<void> {
  const { chance, target, plan } = teller;
  const habits: Habits = { ...HABITS, ...plan.habits };
  const key = target.keys[n % target.keys.length]!;
  const idempotencyKey = plan.isIdempotent ? `run-${plan.seed}-${n}` : undefined;
  const intent: Intent & { f: 'accept' } = {
    ...{ f: 'accept', n, model: chance.pick(MODELS), prompt: `Chaos ${plan.seed} request ${n}` },
    ...{ idempotencyKey, isReceived: plan.callbackUrl !== null },
  };
  const call = callsOf(teller, key);
  const waitSeconds = chance.happens(habits.waits) ? 2 : undefined;
  const priority = chance.whole(0, 9);
  let accepted = await call.accept(intent, { waitSeconds, priority });
  for (let again = 0; !accepted && idempotencyKey && again < REPEATS; again++) {
    await delay(chance.whole(50, 1_000));
    accepted = await call.accept(intent, { priority });
  }
  if (!accepted) return;
  if (idempotencyKey && chance.happens(habits.repeatsAnswered)) await call.accept(intent, { priority });
  const { id } = accepted;
  if (chance.happens(habits.cancels)) {
    await delay(chance.whole(0, 600));
    await call.cancel(id);
  }
  const lateCancel = chance.happens(habits.cancelsLate);
  let left = READS;
  for (let last = accepted; left > 0; left--) {
    await delay(chance.whole(20, habits.pauseMs));
    const hadEnded = TERMINAL.has(last.status);
    last = (await call.read(id)) ?? last;
    if (lateCancel && !hadEnded && TERMINAL.has(last.status)) await call.cancel(id);
    // One more look after the end, and that is all.
    if (hadEnded) return;
  }
}

/** Raw calls, each to any of the brokers, with nothing repeated behind one's back. */
function callsOf({ target, gate, chance, plan }: Teller, { apiKey }: ClientKey) {
  const { urls, history } = target;

  async function make(intent: Intent, call: (fila: Fila) => Promise<Request>): Promise<Seen | null> {
    const index = chance.whole(0, urls.length - 1);
    return gate(async () => {
      const fila = new Fila({ url: urls[index]!, apiKey, maxRetries: 0, timeoutMs: CALL_TIMEOUT_MS });
      const operation = history.begin(`client of broker${index + 1}`, intent);
      try {
        const seen = seenOf(await call(fila));
        operation.ok(seen);
        return seen;
      } catch (error) {
        endBadly(operation, error);
        return null;
      }
    });
  }

  return {
    accept: (intent: Intent & { f: 'accept' }, more: { waitSeconds?: number; priority: number }) =>
      make(intent, (fila) => {
        const { model, prompt, n, idempotencyKey } = intent;
        const receiver = plan.callbackUrl === null ? {} : { callback_url: plan.callbackUrl };
        const body = { model, prompt, priority: more.priority, metadata: { n }, ...receiver };
        return fila.requests.create(body, { idempotencyKey, waitSeconds: more.waitSeconds });
      }),
    read: (id: string) => make({ f: 'read', id }, (fila) => fila.requests.get(id)),
    cancel: (id: string) => make({ f: 'cancel', id }, (fila) => fila.requests.cancel(id)),
  };
}

/** Only an answer below 500 says that nothing was done; anything else may or may not have happened. */
function endBadly(operation: Operation, error: unknown): void {
  if (!(error instanceof FilaError)) throw error;
  const { status, code } = error;
  if (status !== undefined && status >= 400 && status < 500) operation.fail(status, code);
  else operation.info(status === undefined ? code : `${status} ${code}`);
}

export function seenOf(request: Request): Seen {
  return {
    id: request.id,
    status: request.status,
    text: request.result?.text ?? null,
    errorCode: request.error?.code ?? null,
    completedAt: request.completed_at,
    attempts: request.attempts,
  };
}

/** Lets `width` works in at once; the others stand in line. */
export function turnstile(width: number): <T>(work: () => Promise<T>) => Promise<T> {
  const line: (() => void)[] = [];
  let inside = 0;
  return async (work) => {
    if (inside >= width) await new Promise<void>((resolve) => line.push(resolve));
    else inside += 1;
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
