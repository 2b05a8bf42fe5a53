/** Decides which upstreams a broker dispatches, from what all brokers say of themselves; pure, and all decide alike. */

/** What a broker tells of an upstream: whether it could dispatch it, and the calls it has there although it does not. */
export interface Told {
  /** `up`: and sees it answer. */
  readonly can: 'no' | 'perhaps' | 'up';
  readonly running: number;
}

export interface Standing {
  readonly me: string;
  /** By broker, by name of upstream: those that gave a sign of life lately. */
  readonly brokers: ReadonlyMap<string, ReadonlyMap<string, Told>>;
  /** Who has the lease of which upstream now. */
  readonly holders: ReadonlyMap<string, string>;
  /** Calls that run at an upstream here: what is given up is that with the fewest. */
  readonly runningHere: (name: string) => number;
}

export interface Share {
  /** To be renewed, or taken because they are free. */
  readonly hold: readonly string[];
  readonly giveUp: readonly string[];
}

/**
 * A holder keeps what it can dispatch. What is free goes to the broker that has fewest among those that could; and who
 * has two more than another that could gives one up, so that in the end all have as many, give or take one.
 */
export function shareUpstreams({ me, brokers, holders, runningHere }: Standing): Share {
  const counts = new Map([...brokers.keys()].map((broker) => [broker, 0]));
  const hold = new Set<string>();
  const giveUp: string[] = [];
  const kept: [name: string, broker: string][] = [];
  const free: string[] = [];

  const countOf = (broker: string): number => counts.get(broker)!;
  const add = (broker: string, change: number): void => void counts.set(broker, countOf(broker) + change);
  const ableTo = new Map(namesOf(brokers).map((name) => [name, ableBrokers(name, brokers)]));

  for (const name of new Set([...ableTo.keys(), ...holders.keys()])) {
    const holder = holders.get(name);
    if (holder === undefined) free.push(name);
    else if (!ableTo.get(name)?.includes(holder)) {
      if (holder === me) giveUp.push(name);
    } else {
      kept.push([name, holder]);
      add(holder, 1);
      if (holder === me) hold.add(name);
    }
  }

  for (const name of free.sort()) {
    const able = ableTo.get(name)!;
    if (able.length === 0) continue;
    const least = able.reduce((best, one) => (countOf(one) < countOf(best) ? one : best));
    add(least, 1);
    if (least === me) hold.add(name);
  }

  const idleFirst = ([one]: [string, string], [other]: [string, string]): number =>
    runningHere(one) - runningHere(other) || (one < other ? -1 : 1);
  for (const [name, holder] of kept.sort(idleFirst)) {
    const poorer = ableTo.get(name)!.find((one) => countOf(one) + 1 < countOf(holder));
    if (poorer === undefined) continue;
    add(holder, -1);
    add(poorer, 1);
    if (holder !== me) continue;
    hold.delete(name);
    giveUp.push(name);
  }
  return { hold: [...hold], giveUp };
}

function namesOf(brokers: Standing['brokers']): string[] {
  return [...new Set([...brokers.values()].flatMap((told) => [...told.keys()]))];
}

/** Those that see it answer, or else all that know it: one must be there to see it come back. */
function ableBrokers(name: string, brokers: Standing['brokers']): string[] {
  const that = (can: Told['can']): string[] =>
    [...brokers.keys()].filter((broker) => brokers.get(broker)!.get(name)?.can === can).sort();
  const up = that('up');
  return up.length > 0 ? up : that('perhaps');
}
