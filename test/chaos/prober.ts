/** Asks every broker the same small thing again and again, to see when it works, when it does not, and how long it takes. */
import { setTimeout as delay } from 'node:timers/promises';
import { Fila } from '@fila/sdk';
import type { Cluster } from './cluster.ts';

/** Times are milliseconds since 1970. */
export interface Probe {
  readonly broker: string;
  readonly sentAt: number;
  /** When the answer to the call came, or its failure. */
  readonly answeredAt: number;
  readonly isAccepted: boolean;
  /** When its request had completed; null when nobody saw that. */
  readonly completedAt: number | null;
}

export interface Prober {
  /** Resolves when every broker has completed a probe that was sent after this moment, or the time for it is over. */
  untilAllAnswer(since: number, limitMs: number): Promise<void>;
  /** Sends no more; resolves with all that have an end. */
  stop(): Promise<readonly Probe[]>;
}

const EVERY_MS = 100;
const ACCEPT_TIMEOUT_MS = 5_000;
const COMPLETE_TIMEOUT_MS = 30_000;
/** A broker that keeps so many waiting gets no more for now. */
const MOST_OPEN = 8;
const LOOK_EVERY_MS = 20;

export function startProber(cluster: Cluster): Prober {
  const probes: Probe[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;

  async function probe(broker: string, url: string, n: number): Promise<void> {
    const { apiKey } = cluster.probeKey;
    const fila = new Fila({ url, apiKey, timeoutMs: ACCEPT_TIMEOUT_MS, maxRetries: 0 });
    const sentAt = Date.now();
    let answeredAt = 0;
    let isAccepted = false;
    let completedAt: number | null = null;
    try {
      // Before all others: what is measured is whether work flows, not how long the line is.
      const question = { prompt: `Probe ${n} of ${broker}`, priority: 9 };
      const { id } = await fila.requests.create(question, { signal });
      [answeredAt, isAccepted] = [Date.now(), true];
      const { status } = await fila.requests.wait(id, { timeoutMs: COMPLETE_TIMEOUT_MS, signal });
      if (status === 'completed') completedAt = Date.now();
    } catch {
      answeredAt ||= Date.now();
    }
    // What we broke off ourselves says nothing.
    if (!signal.aborted || completedAt !== null)
      probes.push({ broker, sentAt, answeredAt, isAccepted, completedAt });
  }

  async function probeAll(broker: string, url: string): Promise<void> {
    const open = new Set<Promise<void>>();
    for (let n = 1; !signal.aborted; n++) {
      if (open.size < MOST_OPEN) {
        const one = probe(broker, url, n).finally(() => open.delete(one));
        open.add(one);
      }
      await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(open);
  }

  const all = Promise.all(cluster.brokers.map(({ name }, index) => probeAll(name, cluster.urls[index]!)));
  return {
    untilAllAnswer: async (since, limitMs) => {
      const isAnswering = ({ name }: { name: string }): boolean =>
        probes.some(({ broker, sentAt, completedAt }) => broker === name && sentAt >= since && completedAt);
      const over = Date.now() + limitMs;
      while (!cluster.brokers.every(isAnswering) && Date.now() < over) await delay(LOOK_EVERY_MS);
    },
    stop: async () => {
      stopping.abort();
      await all;
      return probes;
    },
  };
}
