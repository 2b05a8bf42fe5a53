/** Limits: whether a call may be made, what its headers say, and who is blocked. */
import type { Ledger } from '../../engines/ledger/ledger.ts';
import type { Account, Limiter, Verdict } from '../../engines/limiter/limiter.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { LimitExplanation, Penalty } from '../../kernel/contract.generated.ts';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { every } from '../../kernel/every.ts';
import { idTime, isId } from '../../kernel/ids.ts';
import type { Logger } from '../../kernel/logger.ts';
import { services, type Service } from '../../kernel/service.ts';
import type { LimitedKey, Keys } from '../keys/keys.ts';
import type { EndedFacts } from '../requests/requests.ts';
import { createThinning, nextFactor } from './admission-factor.ts';
import {
  keyAccount,
  PENALTY_PLACE,
  wrongKeyAccount,
  type CallKind,
  type LimitSettings,
  type NamedRule,
} from './call-rules.ts';
import { clientAddress } from './client-address.ts';
import { createDrainRate } from './drain-rate.ts';
import { explainLimits } from './explain-limits.ts';
import { limitHeaders, type LimitHeaders } from './limit-headers.ts';
import { presentRuleBook } from './present-rule-book.ts';
import { createQueueCount } from './queue-count.ts';
import { createRecall } from './recall.ts';
import { blocked, neverFits, refusalOf } from './refusal.ts';

export type { CallKind, LimitSettings } from './call-rules.ts';
export type { PlanRoom } from './plans.ts';

export interface Call {
  readonly kind: CallKind;
  /** Null: an operator's. */
  readonly key: LimitedKey | null;
  /** As the server knows it, trusted proxies taken off. */
  readonly ip: string;
}

export interface Admission {
  readonly headers: LimitHeaders;
  /** Why the call is not made; nothing was counted then. */
  readonly refusal: FilaError | null;
  /** It has a place among the requests that have not ended, to be given back unless a request comes of it. */
  readonly hasPlace: boolean;
}

export interface Limits extends Service {
  /** At once where the counters are this process's own: a promise for each call would cost more than the decision. */
  admit(call: Call): Admission | Promise<Admission>;
  giveBack(key: LimitedKey, places?: number): void;
  /**
   * For requests that one call sends, all of them or none: null, and they are counted and have their places; or why not,
   * and nothing is counted.
   */
  admitTogether(key: LimitedKey, requests: number): Promise<FilaError | null>;
  /** Null unless the address is blocked. No older than a second. */
  refusalOfAddress(ip: string): FilaError | null;
  /** Counts a wrong key; the refusal when that blocks the address. */
  wrongKey(ip: string): Promise<FilaError | null>;
  /** A request ended: its place is free, its tokens are used. */
  ended(id: string, facts?: EndedFacts): void;
  explain(query: {
    key: string;
    class?: Exclude<CallKind, 'admin'>;
    address?: string;
  }): Promise<LimitExplanation>;
  penalties(): Promise<Penalty[]>;
  /** Ends a block and forgets it; throws not_found when there is none. */
  lift(id: string): Promise<{ id: string; kind: Penalty['kind'] }>;
}

interface LimitsDeps {
  readonly limiter: Limiter;
  readonly keys: Pick<Keys, 'limitsOf' | 'get' | 'limitedInQueue'>;
  readonly ledger: {
    readonly find: Ledger['find'];
    readonly lanes: Pick<Ledger['lanes'], 'nameOf'>;
    readonly sweeps: Pick<Ledger['sweeps'], 'lanesWithWork' | 'unfinished' | 'lately'>;
  };
  /** Read anew each time: they may be others later. */
  readonly settings: LimitSettings & { readonly targetWaitMs: number };
  /** What waits there waits on purpose. */
  readonly isPaused?: (queue: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const REFRESH_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 2_000;
/** Of the time between two looks at the rows, the share that they may take. */
const LOOK_SHARE = 20;
const OVERLOADED_RETRY_S = 5;
const FREE: Admission = { headers: {}, refusal: null, hasPlace: false };

export function createLimits({
  limiter,
  keys,
  ledger,
  settings,
  isPaused,
  clock,
  logger,
}: LimitsDeps): Limits {
  const book = presentRuleBook(settings);
  const drain = createDrainRate();
  const thinning = createThinning();
  const blockedAddresses = new Map<string, number>();
  const queueCount = createQueueCount({
    ...{ limiter, ledger, book, logger, countsAll: () => settings.maxQueued > 0 },
    limitedKeys: () => keys.limitedInQueue(),
  });
  const recall = createRecall({ limiter, ledger, keys, book, clock });
  let factor = 1;
  let lookAt = 0;

  function admit(call: Call): Admission | Promise<Admission> {
    const { kind, key, ip } = call;
    const { accounts, named } = book.of(kind, key, clientAddress(ip));
    if (kind === 'request' && factor < 1 && !thinning.passes(factor))
      return { ...FREE, refusal: fail('overloaded', { retryAfter: OVERLOADED_RETRY_S }) };
    if (accounts.length === 0) return FREE;
    const verdict = decide(accounts);
    return verdict instanceof Promise
      ? verdict.then((decided) => admissionOf(call, named, decided))
      : admissionOf(call, named, verdict);
  }

  function decide(accounts: readonly Account[]): Verdict | Promise<Verdict> {
    const recalled = recall();
    return recalled ? recalled.then(() => limiter.decide(accounts)) : limiter.decide(accounts);
  }

  function admissionOf({ kind, key }: Call, named: readonly NamedRule[], verdict: Verdict): Admission {
    const now = clock.now();
    const refusal = refusalOf(named, verdict, () => drain.waitMs(now));
    if (refusal?.code === 'blocked' && key) noteBlock(keyAccount(key.id), verdict.retryMs);
    return {
      headers: limitHeaders(named, verdict, now),
      refusal,
      hasPlace: kind === 'request' && verdict.isAllowed && named.some(({ rule }) => rule.kind === 'gauge'),
    };
  }

  async function admitTogether(key: LimitedKey, requests: number): Promise<FilaError | null> {
    if (factor < 1 && !thinning.passes(factor)) return fail('overloaded', { retryAfter: OVERLOADED_RETRY_S });
    const { accounts, named } = book.together(key, requests);
    const tooSmall = named.find(({ rule, limit }) => rule.kind !== 'penalty' && rule.cost > limit);
    if (tooSmall) return neverFits(tooSmall, requests);
    if (accounts.length === 0) return null;
    const verdict = await decide(accounts);
    const refusal = refusalOf(named, verdict, () => drain.waitMs(clock.now()));
    if (refusal?.code === 'blocked') noteBlock(keyAccount(key.id), verdict.retryMs);
    return refusal;
  }

  const noted = new Map<string, number>();

  /** Once a block, not with every call that it refuses. */
  function noteBlock(account: string, forMs: number): void {
    const until = clock.now() + forMs;
    if ((noted.get(account) ?? 0) >= clock.now()) return;
    if (noted.size > 10_000) noted.clear();
    noted.set(account, until);
    logger.warn({ account, seconds: Math.ceil(forMs / 1000) }, 'blocked: too many calls were refused');
  }

  function refusalOfAddress(ip: string): FilaError | null {
    if (blockedAddresses.size === 0) return null;
    const leftMs = (blockedAddresses.get(clientAddress(ip)) ?? 0) - clock.now();
    return leftMs > 0 ? blocked('The address', leftMs) : null;
  }

  async function wrongKey(ip: string): Promise<FilaError | null> {
    const address = clientAddress(ip);
    const account = book.wrongKey(address);
    if (!account) return null;
    const { isAllowed, retryMs } = await limiter.decide([account]);
    if (isAllowed) return null;
    blockedAddresses.set(address, clock.now() + retryMs);
    noteBlock(account.name, retryMs);
    return blocked('The address', retryMs);
  }

  async function refreshBlocked(): Promise<void> {
    const found = await limiter.penalties();
    blockedAddresses.clear();
    for (const { account, blockedUntil } of found) {
      const address = addressOf(account);
      if (address !== null) blockedAddresses.set(address, blockedUntil);
    }
  }

  async function countEnd(id: string, given: EndedFacts | undefined): Promise<void> {
    const facts = given ?? (await factsOf(id));
    if (!facts) return;
    const limits = await keys.limitsOf(facts.keyId);
    await Promise.all(book.ended(facts.keyId, limits, facts.tokens).map((account) => limiter.count(account)));
  }

  async function factsOf(id: string): Promise<EndedFacts | null> {
    const row = await ledger.find(id);
    return row && { keyId: row.keyId, tokens: (row.promptTokens ?? 0) + (row.completionTokens ?? 0) };
  }

  async function lookAtQueue(): Promise<void> {
    if (performance.now() < lookAt || !limiter.brokers().isFirst) return;
    const startMs = performance.now();
    await queueCount.look();
    lookAt = performance.now() + LOOK_SHARE * (performance.now() - startMs);
  }

  /** Of what does not wait on purpose. */
  async function oldestWaitMs(): Promise<number> {
    let waitMs = 0;
    for (const { laneId, oldest } of await ledger.sweeps.lanesWithWork())
      if (!isPaused?.((await ledger.lanes.nameOf(laneId)).queue))
        waitMs = Math.max(waitMs, clock.now() - idTime(oldest));
    return waitMs;
  }

  async function adapt(): Promise<void> {
    const { targetWaitMs } = settings;
    const before = factor;
    factor = targetWaitMs === 0 ? 1 : nextFactor(factor, await oldestWaitMs(), targetWaitMs);
    if (before === 1 && factor < 1)
      logger.warn({ targetWaitMs }, 'requests wait too long: only a part is accepted');
    if (before < 1 && factor === 1) logger.info({}, 'all requests are accepted again');
  }

  const failed = (what: string) => (error: unknown) =>
    logger.warn({ err: error }, `${what} failed; it is tried again`);
  const tickers = services([
    every('know who is blocked', REFRESH_EVERY_MS, refreshBlocked, failed('reading penalties')),
    every('count the queue', LOOK_EVERY_MS, lookAtQueue, failed('counting the queue')),
    every('adapt to waiting', REFRESH_EVERY_MS, adapt, failed('looking at the oldest request')),
  ]);

  return {
    name: 'limits',
    start: () => tickers.start(),
    stop: () => tickers.stop(),
    ...{ admit, admitTogether },
    refusalOfAddress,
    wrongKey,
    giveBack: (key, places = 1) => {
      for (const account of book.places(key.id, key, places))
        limiter.count(account).catch(failed('giving back a place in the queue'));
    },
    ended: (id, facts) => {
      drain.ended(clock.now());
      countEnd(id, facts).catch(failed('counting the end of a request'));
    },
    explain: async ({ key: id, class: kind = 'request', address }) => {
      await recall();
      const { name, plan, inherited } = await keys.get(id);
      const key: LimitedKey = { id, name, plan, expiresAt: null, ...(await keys.limitsOf(id)) };
      const { accounts } = book.of(kind, key, address === undefined ? '' : clientAddress(address));
      const asked =
        address === undefined ? accounts.filter(({ name: one }) => !one.startsWith('address:')) : accounts;
      return explainLimits({
        key,
        inherited,
        accounts: asked,
        limiter,
        factor,
        drainMs: drain.waitMs(clock.now()),
      });
    },
    penalties: async () =>
      (await limiter.penalties())
        .sort((a, b) => b.blockedUntil - a.blockedUntil)
        .map((one) => penaltyOnWire(one, clock.now())),
    lift: async (id) => {
      const isKey = isId('key', id);
      const subject = isKey || id.endsWith('/64') ? id : clientAddress(id);
      const account = isKey ? keyAccount(id) : wrongKeyAccount(subject);
      if (!(await limiter.lift(account, PENALTY_PLACE)))
        throw fail('not_found', { detail: 'It is not blocked, and was not of late.' });
      blockedAddresses.delete(subject);
      noted.delete(account);
      logger.info({ account }, 'a penalty was lifted');
      return { id: subject, kind: isKey ? 'key' : 'address' };
    },
  };
}

function addressOf(account: string): string | null {
  const prefix = wrongKeyAccount('');
  return account.startsWith(prefix) ? account.slice(prefix.length) : null;
}

function penaltyOnWire(
  { account, level, blockedUntil }: { account: string; level: number; blockedUntil: number },
  now: number,
): Penalty {
  const address = addressOf(account);
  return {
    id: address ?? account.slice(keyAccount('').length),
    kind: address === null ? 'key' : 'address',
    level,
    blocked: blockedUntil > now,
    blocked_until: new Date(blockedUntil).toISOString(),
  };
}
