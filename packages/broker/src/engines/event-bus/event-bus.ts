/** Port: short messages from one broker to all others, for whoever wants to watch. */

export type Channel = 'events' | 'wanted';

/**
 * Guarantees. None of delivery: a message reaches the brokers that are connected now, once, in the order in which its
 * sender sent it, and nobody else ever. It is never kept. Neither call rejects or waits; the sender does not hear itself.
 */
export interface EventBus {
  publish(channel: Channel, text: string): void;
  /** One listener a channel. */
  subscribe(channel: Channel, listener: (text: string) => void): void;
  close(): void;
}

/** Of a broker that is alone. */
export const silentEventBus: EventBus = {
  publish: () => undefined,
  subscribe: () => undefined,
  close: () => undefined,
};
