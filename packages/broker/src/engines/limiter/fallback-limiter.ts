/** The limiter on a store that may go away: while it is away each broker allows its share of every limit by itself. */
import { every } from '../../kernel/every.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Service } from '../../kernel/service.ts';
import type { Circuit } from '../circuit/circuit.ts';
import type { Account, Limiter, Rule } from './limiter.ts';
import type { RedisLimiter } from './redis-limiter.ts';

export interface FallbackLimiterOptions {
  readonly primary: RedisLimiter;
  /** Must always be there: memory. */
  readonly secondary: Limiter;
  /** Of the store of the primary; somebody else starts and stops it. */
  readonly circuit: Pick<Circuit, 'isUp' | 'open'>;
  /** How the others know this broker. */
  readonly broker: string;
  readonly logger: Logger;
}

const ANNOUNCE_EVERY_MS = 2_000;

/**
 * No call rejects. A call that fails on the primary opens the circuit and is decided here. The share is the limit
 * divided by the brokers that were there last, rounded down: all shares together are never more than the limit, and a
 * limit below the number of brokers lets nothing pass. What was counted on one side is not known to the other.
 */
export function fallbackLimiter(options: FallbackLimiterOptions): Limiter & Service {
  const { primary, secondary, circuit, broker, logger } = options;

  async function onPrimary<T>(call: () => T | Promise<T>, instead: () => T | Promise<T>): Promise<T> {
    if (!circuit.isUp) return instead();
    try {
      return await call();
    } catch (error) {
      circuit.open(error);
      return instead();
    }
  }

  async function announce(): Promise<void> {
    if (circuit.isUp) await primary.announce(broker);
  }

  const announcing = every('announce this broker', ANNOUNCE_EVERY_MS, announce, (error) =>
    logger.warn({ err: error }, 'this broker could not announce itself to the others'),
  );

  return {
    name: 'limiter',
    isOwn: false,
    start: async () => {
      await announce().catch((error: unknown) => circuit.open(error));
      await announcing.start();
    },
    stop: () => announcing.stop(),
    decide: (accounts) =>
      onPrimary(
        () => primary.decide(accounts),
        () => secondary.decide(accounts.map((account) => shareOf(account, primary.brokers().count))),
      ),
    count: (account) =>
      onPrimary(
        () => primary.count(account),
        () => secondary.count(account),
      ),
    penalties: () =>
      onPrimary(
        () => primary.penalties(),
        () => secondary.penalties(),
      ),
    lift: async (account, place) => {
      const wasHere = await secondary.lift(account, place);
      return (
        (await onPrimary(
          () => primary.lift(account, place),
          async () => false,
        )) || wasHere
      );
    },
    brokers: () => primary.brokers(),
  };
}

function shareOf({ name, rules }: Account, brokers: number): Account {
  if (brokers === 1) return { name, rules };
  const known = shares.get(rules);
  if (known?.brokers === brokers) return { name, rules: known.rules };
  const share = { brokers, rules: rules.map((rule) => ruleShare(rule, brokers)) };
  shares.set(rules, share);
  return { name, rules: share.rules };
}

function ruleShare(rule: Rule, brokers: number): Rule {
  if (rule.kind === 'penalty') return rule;
  const limit = Math.floor(rule.limit / brokers);
  return rule.kind === 'burst' ? { ...rule, limit, refillUs: rule.refillUs * brokers } : { ...rule, limit };
}

const shares = new WeakMap<readonly Rule[], { brokers: number; rules: readonly Rule[] }>();
