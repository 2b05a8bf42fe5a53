/** The limits that a key or a plan may set: their names inside and on the wire. */

/** 0 = no limit, and of `weight` what most have: 1. */
export interface KeyLimits {
  readonly limitMinute: number;
  readonly limitHour: number;
  readonly limitDay: number;
  readonly limitBurst: number;
  readonly limitTokensDay: number;
  readonly maxQueued: number;
  readonly maxConcurrent: number;
  /** Share of a model's slots beside other keys that wait: twice the weight gets twice the time. */
  readonly weight: number;
}

/** What a key sets itself; null = as its plan says. */
export type OwnLimits = { readonly [Name in keyof KeyLimits]: number | null };

export const LIMIT_NAMES = {
  limitMinute: 'limit_minute',
  limitHour: 'limit_hour',
  limitDay: 'limit_day',
  limitBurst: 'limit_burst',
  limitTokensDay: 'limit_tokens_day',
  maxQueued: 'max_queued',
  maxConcurrent: 'max_concurrent',
  weight: 'weight',
} as const satisfies Record<keyof KeyLimits, string>;

export type LimitsOnWire = { [Name in keyof KeyLimits as (typeof LIMIT_NAMES)[Name]]: number };

const PAIRS = Object.entries(LIMIT_NAMES) as [keyof KeyLimits, keyof LimitsOnWire][];

export const NO_LIMITS = mapLimits(() => 0);

export function mapLimits<T>(of: (name: keyof KeyLimits) => T): { [Name in keyof KeyLimits]: T } {
  return Object.fromEntries(PAIRS.map(([name]) => [name, of(name)])) as { [Name in keyof KeyLimits]: T };
}

export function limitsOnWire(limits: KeyLimits): LimitsOnWire {
  return Object.fromEntries(PAIRS.map(([name, wire]) => [wire, limits[name]])) as LimitsOnWire;
}

/** Those that were given; the others are absent. */
export function limitsFromWire<T>(given: Partial<Record<keyof LimitsOnWire, T>>): {
  [Name in keyof KeyLimits]?: T;
} {
  return Object.fromEntries(
    PAIRS.filter(([, wire]) => given[wire] !== undefined).map(([name, wire]) => [name, given[wire]]),
  ) as { [Name in keyof KeyLimits]?: T };
}

/** What is in force: the key's own, else the plan's, else none. */
export function limitsInForce(own: OwnLimits, plan: KeyLimits = NO_LIMITS): KeyLimits {
  return mapLimits((name) => own[name] ?? plan[name]);
}

/** On the wire. */
export function inheritedNames(own: OwnLimits): string[] {
  return PAIRS.filter(([name]) => own[name] === null).map(([, wire]) => wire);
}
