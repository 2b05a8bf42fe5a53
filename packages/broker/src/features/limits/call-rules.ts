/** Which limits a call has: what its key, its address and the broker allow, as rules for the limiter. */
import { MOST, type Account, type Rule } from '../../engines/limiter/limiter.ts';
import type { KeyLimits } from '../../kernel/key-limits.ts';
import type { LimitedKey } from '../keys/keys.ts';

/** Sends a request; changes something else; only reads; is an operator's. */
export type CallKind = 'request' | 'write' | 'read' | 'admin';

export interface LimitSettings {
  readonly addressLimitMinute: number;
  readonly wrongKeysMinute: number;
  readonly refusedCallsMinute: number;
  readonly writeLimitMinute: number;
  readonly readLimitMinute: number;
  readonly adminLimitMinute: number;
  readonly maxQueued: number;
}

export type LimitName =
  | 'minute'
  | 'hour'
  | 'day'
  | 'burst'
  | 'tokens'
  | 'queued'
  | 'writes'
  | 'reads'
  | 'address'
  | 'admin'
  | 'queue'
  | 'penalty';

/** A rule with what people call it. */
export interface NamedRule {
  readonly name: LimitName;
  /** Whose calls are counted together. */
  readonly scope: 'key' | 'address' | 'broker';
  /** Which of the key's limits it is; null for those of the settings. */
  readonly field: keyof KeyLimits | null;
  readonly limit: number;
  /** Null: it counts what there is at once. */
  readonly windowMs: number | null;
  readonly rule: Rule;
}

export interface NamedAccount {
  readonly name: string;
  readonly named: readonly NamedRule[];
  readonly rules: readonly Rule[];
}

export interface CallRules {
  readonly accounts: readonly NamedAccount[];
  /** In the order of the verdict's states. */
  readonly named: readonly NamedRule[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Where each counter stands in an account: never to be changed while brokers share a Redis. */
const PLACE = { minute: 0, hour: 1, day: 2, burst: 3, penalty: 4, tokens: 5, queued: 6 } as const;
export const PENALTY_PLACE = PLACE.penalty;

const WINDOWS = [
  { name: 'minute', field: 'limitMinute', windowMs: MINUTE_MS },
  { name: 'hour', field: 'limitHour', windowMs: HOUR_MS },
  { name: 'day', field: 'limitDay', windowMs: DAY_MS },
] as const;

const WINDOW_NAMES = Object.fromEntries(WINDOWS.map(({ name }) => [name, true]));

export const keyAccount = (keyId: string): string => `key:${keyId}`;
export const wrongKeyAccount = (address: string): string => `wrong:${address}`;

export interface RuleBook {
  of(kind: CallKind, key: LimitedKey | null, address: string): CallRules;
  /** Many requests that are sent with one call, all of them or none. */
  together(key: LimitedKey, requests: number): CallRules;
  /** A call with a wrong key; null when nobody is ever blocked. */
  wrongKey(address: string): Account | null;
  /** What is counted when a request of this key ends. */
  ended(keyId: string, limits: KeyLimits, tokens: number): Account[];
  /** Where its places are counted. */
  places(keyId: string, limits: KeyLimits, count?: number): Account[];
  used(keyId: string, limits: KeyLimits, tokens: number): Account[];
  sent(keyId: string, limits: KeyLimits, requests: number): Account[];
  /** The gauges of what has not ended, and what they are limited to. */
  heldBy(keyId: string): Account;
  readonly held: Account;
}

export function createRuleBook(settings: LimitSettings): RuleBook {
  const known = new WeakMap<LimitedKey, Partial<Record<CallKind, CallRules>>>();
  const perMinute = {
    address: settings.addressLimitMinute,
    admin: settings.adminLimitMinute,
    writes: settings.writeLimitMinute,
    reads: settings.readLimitMinute,
  };
  const shared = (name: keyof typeof perMinute, scope: NamedRule['scope']): readonly NamedRule[] =>
    perMinute[name] === 0
      ? []
      : [
          windowRule({
            name,
            scope,
            field: null,
            limit: perMinute[name],
            windowMs: MINUTE_MS,
            place: PLACE.minute,
          }),
        ];
  const ofAddress = shared('address', 'address');
  const ofAdmin = shared('admin', 'address');
  const ofClass = { writes: shared('writes', 'key'), reads: shared('reads', 'key') };
  const ofQueue =
    settings.maxQueued === 0
      ? []
      : [gaugeRule({ name: 'queue', scope: 'broker', field: null, limit: settings.maxQueued })];

  function ofKey(kind: CallKind, key: LimitedKey): CallRules {
    let made = known.get(key);
    if (!made) known.set(key, (made = {}));
    return (made[kind] ??= callRules(accountsOfKey(kind, key)));
  }

  function accountsOfKey(kind: CallKind, key: LimitedKey): readonly NamedAccount[] {
    const own = rulesOfLimits(key);
    const rules = kind === 'request' ? own : own.map(onlyShown);
    const className = kind === 'read' ? 'reads' : 'writes';
    const isLimited = own.length > 0 || ofClass[className].length > 0;
    const penalty =
      isLimited && settings.refusedCallsMinute > 0 ? [penaltyRule(settings.refusedCallsMinute, 0)] : [];
    return [
      account(keyAccount(key.id), [...rules, ...penalty]),
      account(`${className}:${key.id}`, ofClass[className]),
      account('queue', kind === 'request' ? ofQueue : []),
    ].filter(({ rules: list }) => list.length > 0);
  }

  function places(keyId: string, { maxQueued }: KeyLimits, count = 1): Account[] {
    const rules = count === 1 ? ONE_LESS : correction(-count);
    return [
      ...(maxQueued > 0 ? [{ name: keyAccount(keyId), rules }] : []),
      ...(settings.maxQueued > 0 ? [{ name: 'queue', rules }] : []),
    ];
  }

  return {
    of: (kind, key, address) => {
      const own = key ? ofKey(kind, key) : NOTHING;
      const admin = kind === 'admin' ? ofAdmin : [];
      if (admin.length + ofAddress.length === 0) return own;
      const accounts = [account(`admin:${address}`, admin), account(`address:${address}`, ofAddress)];
      return callRules([...own.accounts, ...accounts.filter(({ rules }) => rules.length > 0)]);
    },
    together: (key, requests) => {
      const accounts = accountsOfKey('request', key)
        .filter(({ name }) => name !== `writes:${key.id}`)
        .map(({ name, named }) =>
          account(
            name,
            named.map((one) => timesOver(one, requests)),
          ),
        );
      return callRules(accounts);
    },
    wrongKey: (address) =>
      settings.wrongKeysMinute === 0
        ? null
        : { name: wrongKeyAccount(address), rules: [penaltyRule(settings.wrongKeysMinute, 1).rule] },
    ended: (keyId, limits, tokens) => [...places(keyId, limits), ...used(keyId, limits, tokens)],
    places,
    used,
    sent: (keyId, limits, requests) => {
      const windows = rulesOfLimits(limits).filter(({ name }) => name in WINDOW_NAMES);
      const rules = windows.map(({ rule }): Rule => ({ ...rule, cost: requests }));
      return rules.length === 0 ? [] : [{ name: keyAccount(keyId), rules }];
    },
    heldBy: (keyId) => ({ name: keyAccount(keyId), rules: HELD }),
    held: { name: 'queue', rules: HELD },
  };
}

function used(keyId: string, { limitTokensDay }: KeyLimits, tokens: number): Account[] {
  if (limitTokensDay === 0 || tokens === 0) return [];
  return [{ name: keyAccount(keyId), rules: [{ ...tokensRule(limitTokensDay).rule, cost: tokens }] }];
}

const NOTHING = callRules([]);

function callRules(accounts: readonly NamedAccount[]): CallRules {
  return { accounts, named: accounts.flatMap(({ named }) => named) };
}

function account(name: string, named: readonly NamedRule[]): NamedAccount {
  return { name, named, rules: rulesOf(named) };
}

/** The same list for the same rules: the limiter remembers what it made of it. */
function rulesOf(named: readonly NamedRule[]): readonly Rule[] {
  const made = lists.get(named) ?? named.map(({ rule }) => rule);
  lists.set(named, made);
  return made;
}

const lists = new WeakMap<readonly NamedRule[], readonly Rule[]>();

/** What a key or its plan sets. */
export function rulesOfLimits(limits: KeyLimits): NamedRule[] {
  const windows = WINDOWS.filter(({ field }) => limits[field] > 0);
  const rules = windows.map(({ name, field, windowMs }) =>
    windowRule({ name, scope: 'key', field, limit: limits[field], windowMs, place: PLACE[name] }),
  );
  const [shortest] = windows;
  if (shortest && limits.limitBurst > 0)
    rules.push(burstRule(limits.limitBurst, shortest.windowMs / limits[shortest.field]));
  if (limits.limitTokensDay > 0) rules.push(tokensRule(limits.limitTokensDay));
  if (limits.maxQueued > 0)
    rules.push(gaugeRule({ name: 'queued', scope: 'key', field: 'maxQueued', limit: limits.maxQueued }));
  return rules;
}

function windowRule({
  place,
  ...named
}: Omit<NamedRule, 'rule' | 'windowMs'> & { place: number; windowMs: number }): NamedRule {
  return { ...named, rule: { kind: 'window', place, limit: named.limit, cost: 1, windowMs: named.windowMs } };
}

/** Tokens are counted when they are known; until then a call only needs that one is left. */
function tokensRule(limit: number): NamedRule {
  const named = windowRule({
    name: 'tokens',
    scope: 'key',
    field: 'limitTokensDay',
    limit,
    windowMs: DAY_MS,
    place: PLACE.tokens,
  });
  return { ...named, rule: { ...named.rule, cost: 0 } };
}

/** `evenMs`: the time between two calls of which the shortest window is just full. */
function burstRule(limit: number, evenMs: number): NamedRule {
  const refillUs = Math.ceil(evenMs * 1000);
  return {
    ...{
      name: 'burst',
      scope: 'key',
      field: 'limitBurst',
      limit,
      windowMs: Math.ceil((limit * refillUs) / 1000),
    },
    rule: { kind: 'burst', place: PLACE.burst, limit, cost: 1, refillUs },
  };
}

function gaugeRule(named: Omit<NamedRule, 'rule' | 'windowMs'>): NamedRule {
  return {
    ...named,
    windowMs: null,
    rule: { kind: 'gauge', place: PLACE.queued, limit: named.limit, cost: 1 },
  };
}

function penaltyRule(limit: number, cost: number): NamedRule {
  return {
    ...{ name: 'penalty', scope: 'key', field: null, limit, windowMs: MINUTE_MS },
    rule: { kind: 'penalty', place: PLACE.penalty, limit, cost },
  };
}

/** The call does not count here and is not refused: the headers say how much is left all the same. */
function onlyShown(named: NamedRule): NamedRule {
  return { ...named, rule: { ...named.rule, cost: 0, limit: MOST } };
}

/** A burst is about how evenly calls come, and this is one call. */
function timesOver(named: NamedRule, requests: number): NamedRule {
  const { rule } = named;
  if (rule.kind !== 'window' && rule.kind !== 'gauge') return named;
  return { ...named, rule: { ...rule, cost: rule.cost * requests } };
}

/** As it is now, without counting the question. */
export function asQuestion(rules: readonly Rule[]): Rule[] {
  return rules.map((rule) => ({ ...rule, cost: 0 }));
}

const ONE_LESS: readonly Rule[] = [{ kind: 'gauge', place: PLACE.queued, limit: MOST, cost: -1 }];
const HELD: readonly Rule[] = [{ kind: 'gauge', place: PLACE.queued, limit: MOST, cost: 0 }];
export const correction = (by: number): readonly Rule[] => [
  { kind: 'gauge', place: PLACE.queued, limit: MOST, cost: by },
];
