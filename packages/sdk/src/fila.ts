/** The client: reads its options and the environment once, and hands out the resources. */
import { invalidArgument, RequestFailed } from './errors.ts';
import type { FilaPromise } from './fila-promise.ts';
import {
  createOpen,
  createSend,
  type Attempt,
  type CallOptions,
  type FetchLike,
  type HttpSettings,
  type Send,
} from './http.ts';
import { createMe, type Me } from './resources/me.ts';
import { createBatches, type Batches } from './resources/batches.ts';
import { createAudit, type Audit } from './resources/audit.ts';
import { createDeadLetters, type DeadLetters } from './resources/dead-letters.ts';
import { createEvents, type EventsOptions } from './resources/events.ts';
import { createHealth, type Health } from './resources/health.ts';
import { createKeys, type Keys } from './resources/keys.ts';
import { createLimits, type Limits } from './resources/limits.ts';
import { createLogs, type Logs } from './resources/logs.ts';
import { createModels, type Models } from './resources/models.ts';
import { createOperations, type Operations } from './resources/operations.ts';
import { createPlans, type Plans } from './resources/plans.ts';
import { createQueues, type Queues } from './resources/queues.ts';
import { createRequests, type CreateAndWaitOptions, type Requests } from './resources/requests.ts';
import { createServiceTokens, type ServiceTokens } from './resources/service-tokens.ts';
import { createSessions, type Sessions } from './resources/sessions.ts';
import { createSettings, type Settings } from './resources/settings.ts';
import type { StreamEvent, StreamOptions } from './resources/stream.ts';
import { createUpstreams, type Upstreams } from './resources/upstreams.ts';
import { createUsers, type Users } from './resources/users.ts';
import { createWebhooks, type Webhooks } from './resources/webhooks.ts';
import { createUsage, type UsageReport } from './resources/usage.ts';
import { createVerify, type Verify } from './resources/verify.ts';
import { sleep, type Sleep } from './sleep.ts';
import type {
  Authentication,
  CreateRequest,
  Event,
  Overview,
  OverviewQuery,
  Request,
} from './types.generated.ts';

const DEFAULT_URL = 'http://127.0.0.1:7433';
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRIES = 2;
/** A daemon that restarts is away for longer than a call is worth repeating. */
const DEFAULT_RECONNECTS = 10;

export interface FilaOptions {
  /** Where the broker is. Default: FILA_URL, then http://127.0.0.1:7433. */
  url?: string;
  /** For `authenticate` and `requests`. Default: FILA_API_KEY. */
  apiKey?: string;
  /** For all that is not `requests`: the admin token, a session's or a service token. Default: FILA_TOKEN. */
  adminToken?: string;
  /** How often a failed attempt is repeated. Default: 2. */
  maxRetries?: number;
  /** For one attempt. Default: 30 000; Infinity = no limit. */
  timeoutMs?: number;
  /** Instead of the platform's fetch. */
  fetch?: FetchLike;
  /** Follows the SDK's own name in the User-Agent header. */
  userAgent?: string;
  /** Called after each attempt, for a log. What it throws is ignored. */
  onAttempt?: (attempt: Attempt) => void;
}

/** For tests: what would make them slow or leave them to chance. Not part of the public types. */
export interface InternalOptions extends FilaOptions {
  sleep?: Sleep;
  random?: () => number;
}

/**
 * A client of one broker.
 * @example
 * const fila = new Fila({ apiKey: 'fila_live_…' });
 * const request = await fila.requests.createAndWait({ prompt: 'Say hello.' });
 */
export class Fila {
  readonly requests: Requests;
  readonly batches: Batches;
  readonly keys: Keys;
  readonly plans: Plans;
  readonly queues: Queues;
  readonly settings: Settings;
  readonly limits: Limits;
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  readonly health: Health;
  readonly upstreams: Upstreams;
  readonly models: Models;
  readonly webhooks: Webhooks;
  readonly verify: Verify;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly me: Me;
  readonly serviceTokens: ServiceTokens;
  readonly audit: Audit;
  readonly logs: Logs;
  readonly usage: UsageReport;
  /** Private, and the keys behind it in a closure: printing a client shows none of them. */
  readonly #send: Send;
  readonly #events: (options: EventsOptions) => AsyncGenerator<Event, void, undefined>;

  constructor(options: FilaOptions = {}) {
    const internal: InternalOptions = options;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const wait = internal.sleep ?? sleep;
    const settings: HttpSettings = {
      url: brokerUrl(options.url ?? fromEnvironment('FILA_URL') ?? DEFAULT_URL),
      apiKey: secret('apiKey', options.apiKey ?? fromEnvironment('FILA_API_KEY')),
      adminToken: secret('adminToken', options.adminToken ?? fromEnvironment('FILA_TOKEN')),
      maxRetries: options.maxRetries ?? DEFAULT_RETRIES,
      timeoutMs,
      userAgent: options.userAgent,
      fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
      onAttempt: options.onAttempt,
      sleep: wait,
      random: internal.random ?? Math.random,
    };
    this.#send = createSend(settings);
    const streaming = {
      ...{ open: createOpen(settings), sleep: wait, random: settings.random },
      reconnects: options.maxRetries ?? DEFAULT_RECONNECTS,
    };
    this.#events = createEvents(streaming);
    this.requests = createRequests(this.#send, streaming);
    this.batches = createBatches(this.#send, streaming);
    this.keys = createKeys(this.#send);
    this.plans = createPlans(this.#send);
    this.queues = createQueues(this.#send);
    this.settings = createSettings(this.#send);
    this.limits = createLimits(this.#send);
    this.deadLetters = createDeadLetters(this.#send);
    this.operations = createOperations(this.#send, wait);
    this.health = createHealth(this.#send);
    this.upstreams = createUpstreams(this.#send);
    this.models = createModels(this.#send);
    this.webhooks = createWebhooks(this.#send);
    this.verify = createVerify(this.#send);
    this.users = createUsers(this.#send);
    this.sessions = createSessions(this.#send);
    this.me = createMe(this.#send);
    this.serviceTokens = createServiceTokens(this.#send);
    this.audit = createAudit(this.#send);
    this.logs = createLogs(this.#send);
    this.usage = createUsage(this.#send);
  }

  /**
   * Sends a request and hears its answer as it is given; with an id, listens to one that was sent before. A cut
   * connection is made again and goes on where it was.
   * @example for await (const event of fila.stream({ prompt: 'Say hello.' })) if (event.type === 'token') console.log(event.text);
   */
  async *stream(
    what: CreateRequest | string,
    { idempotencyKey, ...options }: StreamOptions & { idempotencyKey?: string } = {},
  ): AsyncGenerator<StreamEvent, void> {
    const { signal, headers } = options;
    const id =
      typeof what === 'string'
        ? what
        : (await this.requests.create(what, { idempotencyKey, signal, headers })).id;
    yield* this.requests.stream(id, options);
  }

  /**
   * The answer to one prompt, waited for. Throws RequestFailed when there is none.
   * @example const text = await fila.generate('Say hello.', { model: 'llama3:8b' });
   */
  async generate(
    prompt: string,
    body: Omit<CreateRequest, 'prompt' | 'messages' | 'input' | 'dimensions' | 'truncate' | 'tools'> = {},
    options?: CreateAndWaitOptions,
  ): Promise<string> {
    return resultOf(await this.requests.createAndWait({ ...body, prompt }, options)).text;
  }

  /**
   * The next answer of a conversation, waited for. Throws RequestFailed when there is none. With tools the whole result
   * matters: `requests.createAndWait`.
   * @example const text = await fila.chat([{ role: 'user', content: 'Say hello.' }]);
   */
  async chat(
    messages: NonNullable<CreateRequest['messages']>,
    body: Omit<
      CreateRequest,
      'prompt' | 'messages' | 'input' | 'dimensions' | 'truncate' | 'system' | 'images' | 'tools'
    > = {},
    options?: CreateAndWaitOptions,
  ): Promise<string> {
    return resultOf(await this.requests.createAndWait({ ...body, messages }, options)).text;
  }

  /**
   * A vector for each text, in the same order, waited for. Throws RequestFailed when there are none.
   * @example const [vector] = await fila.embed('The sky is blue.', { model: 'nomic-embed-text' });
   */
  async embed(
    input: string | string[],
    body: Omit<
      CreateRequest,
      'input' | 'prompt' | 'messages' | 'system' | 'images' | 'tools' | 'format'
    > = {},
    options?: CreateAndWaitOptions,
  ): Promise<number[][]> {
    const request = await this.requests.createAndWait({ ...body, input }, options);
    const { embeddings } = resultOf(request);
    if (!embeddings) throw new RequestFailed(request);
    return embeddings;
  }

  /**
   * Says whether the API key is accepted, and what its limits are.
   * @example const { key } = await fila.authenticate();
   */
  authenticate(options?: CallOptions): FilaPromise<Authentication> {
    return this.#send({ method: 'POST', path: '/api/v1/authenticate', as: 'client' }, options);
  }

  /**
   * How everything is, in one cheap answer; needs the admin token.
   * @example const { requests, upstreams } = await fila.overview();
   */
  overview(query?: OverviewQuery, options?: CallOptions): FilaPromise<Overview> {
    return this.#send({ method: 'GET', path: '/api/v1/admin/overview', query, as: 'admin' }, options);
  }

  /**
   * What happens, as it happens, through every restart of the broker, until you leave the loop or `signal` fires; needs
   * the admin token. An event of type `gap` says that some are missing.
   * @example for await (const { type, request_id } of fila.events({ kinds: ['request'] })) console.log(type, request_id);
   */
  events(options: EventsOptions = {}): AsyncGenerator<Event, void, undefined> {
    return this.#events(options);
  }
}

function resultOf(request: Request): NonNullable<Request['result']> {
  if (request.status !== 'completed' || !request.result) throw new RequestFailed(request);
  return request.result;
}

/** An empty variable counts as none. */
function fromEnvironment(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name] || undefined;
  } catch {
    // Some platforms refuse to show the environment; then there is none.
    return undefined;
  }
}

/** The errors below never quote what was given: it may hold a secret. */
function brokerUrl(text: string): string {
  if (!URL.canParse(text))
    throw invalidArgument('url (FILA_URL) is not a URL, such as http://127.0.0.1:7433.');
  const { protocol, username, password, origin, pathname } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw invalidArgument('url (FILA_URL) must begin with http:// or https://.');
  }
  if (username || password) throw invalidArgument('url (FILA_URL) must not hold a user or a password.');
  return origin + pathname.replace(/\/+$/, '');
}

/** Only what a header can carry. A line's end, as files have it, is taken off. */
function secret(option: string, text: string | undefined): string | undefined {
  const value = text?.trim();
  if (value && !/^[\x21-\x7e]+$/.test(value)) {
    throw invalidArgument(`${option} holds characters that no key has.`);
  }
  return value;
}
