/** The port through which brokers tell each other what is of use only now. */

/**
 * At most once, to those who listen at that moment, in the order of one sender. Nothing is kept, nothing is waited for
 * and nothing is ever reported as lost: who needs to be sure asks again, or looks at the rows.
 */
export interface Relay {
  publish(channel: string, message: string): void;
  /** Hears what is published from about now on, also by this broker; the answer ends it. `hear` must not throw. */
  subscribe(channel: string, hear: (message: string) => void): () => void;
  close(): Promise<void>;
}

/** Of a broker that is alone: there is nobody to tell anything. */
export function noRelay(): Relay {
  return { publish: () => undefined, subscribe: () => () => undefined, close: async () => undefined };
}
