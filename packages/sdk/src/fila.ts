/** The client: reads its options and the environment once, and hands out the resources. */
import { invalidArgument } from './errors.ts';
import type { FilaPromise } from './fila-promise.ts';
import { createSend, type Attempt, type CallOptions, type FetchLike, type Send } from './http.ts';
import { createDeadLetters, type DeadLetters } from './resources/dead-letters.ts';
import { createHealth, type Health } from './resources/health.ts';
import { createKeys, type Keys } from './resources/keys.ts';
import { createLimits, type Limits } from './resources/limits.ts';
import { createModels, type Models } from './resources/models.ts';
import { createOperations, type Operations } from './resources/operations.ts';
import { createPlans, type Plans } from './resources/plans.ts';
import { createQueues, type Queues } from './resources/queues.ts';
import { createRequests, type Requests } from './resources/requests.ts';
import { createUpstreams, type Upstreams } from './resources/upstreams.ts';
import { createWebhooks, type Webhooks } from './resources/webhooks.ts';
import { createUsage, type UsageReport } from './resources/usage.ts';
import { createVerify, type Verify } from './resources/verify.ts';
import { sleep, type Sleep } from './sleep.ts';
import type { Authentication } from './types.generated.ts';

const DEFAULT_URL = 'http://127.0.0.1:7433';
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRIES = 2;

export interface FilaOptions {
  /** Where the broker is. Default: FILA_URL, then http://127.0.0.1:7433. */
  url?: string;
  /** For `authenticate` and `requests`. Default: FILA_API_KEY. */
  apiKey?: string;
  /** For `keys`, `deadLetters` and `operations`. Default: FILA_TOKEN. */
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
  readonly keys: Keys;
  readonly plans: Plans;
  readonly queues: Queues;
  readonly limits: Limits;
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  readonly health: Health;
  readonly upstreams: Upstreams;
  readonly models: Models;
  readonly webhooks: Webhooks;
  readonly verify: Verify;
  readonly usage: UsageReport;
  /** Private, and the keys behind it in a closure: printing a client shows none of them. */
  readonly #send: Send;

  constructor(options: FilaOptions = {}) {
    const internal: InternalOptions = options;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const wait = internal.sleep ?? sleep;
    this.#send = createSend({
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
    });
    this.requests = createRequests(this.#send, wait);
    this.keys = createKeys(this.#send);
    this.plans = createPlans(this.#send);
    this.queues = createQueues(this.#send);
    this.limits = createLimits(this.#send);
    this.deadLetters = createDeadLetters(this.#send);
    this.operations = createOperations(this.#send, wait);
    this.health = createHealth(this.#send);
    this.upstreams = createUpstreams(this.#send);
    this.models = createModels(this.#send);
    this.webhooks = createWebhooks(this.#send);
    this.verify = createVerify(this.#send);
    this.usage = createUsage(this.#send);
  }

  /**
   * Says whether the API key is accepted, and what its limits are.
   * @example const { key } = await fila.authenticate();
   */
  authenticate(options?: CallOptions): FilaPromise<Authentication> {
    return this.#send({ method: 'POST', path: '/api/v1/authenticate', as: 'client' }, options);
  }
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
