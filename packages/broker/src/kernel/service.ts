/** Things that run until told to stop, and how several of them start and stop together. */

/** Something that runs until told to stop. `stop` may be called twice, or before `start`. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts in the order given, stops in reverse: what others lean on goes last. A failed start stops what already runs.
 * All are stopped, also when one cannot; the first such error is thrown at the end.
 */
export function services(list: readonly Service[]): Service {
  const running: Service[] = [];
  async function stop(): Promise<void> {
    const errors: unknown[] = [];
    for (let service = running.pop(); service; service = running.pop())
      await service.stop().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
  async function start(): Promise<void> {
    for (const service of list) {
      running.push(service);
      try {
        await service.start();
      } catch (error) {
        // Why it did not start says more than what went wrong on the way back.
        await stop().catch(() => undefined);
        throw error;
      }
    }
  }
  return { name: 'services', start, stop };
}
