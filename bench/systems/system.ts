/** A system under test, as the scenarios see it: Fila or the peer, over the same HTTP and the same simulated models. */

export interface ClientKey {
  readonly key: string;
  readonly webhookSecret: string;
}

export interface System {
  /** Column of the report: `peer`, `fila shared`, `fila embedded`. */
  readonly name: SystemName;
  /** The same path on both. */
  readonly path: '/api/v1/requests';
  /** One or, of several brokers, many. */
  readonly ports: readonly number[];
  createKey(): Promise<ClientKey>;
  /** The processes, without the servers below them. */
  readonly processes: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export const SYSTEMS = ['peer', 'fila shared', 'fila embedded'] as const;
export type SystemName = (typeof SYSTEMS)[number];
