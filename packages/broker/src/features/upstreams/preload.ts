/** Has models loaded before a request needs them: when an operator says so, or whenever an upstream comes up. */
import { modelKey } from './model-names.ts';
import type { UpstreamServer } from './upstream-server.ts';

export interface PreloadOrder {
  readonly model: string;
  /** host:port; absent: every upstream that is up and has the model. */
  readonly upstream?: string;
  /** How long it stays loaded without a call, as Ollama reads it. Absent: as the upstream is set up. */
  readonly keepAlive?: string;
}

export interface Preloaded {
  readonly upstream: string;
  readonly tookMs: number;
  /** Why it failed, for a client to read. */
  readonly error: string | null;
}

export interface PreloadDeps {
  readonly servers: () => readonly UpstreamServer[];
  /** Resolves when something may start that could not before. */
  readonly nextFree: () => Promise<void>;
}

/** Takes a slot like a call, so that nothing else is loaded there at the same time. None: nobody has the model. */
export async function preload(order: PreloadOrder, deps: PreloadDeps): Promise<Preloaded[]> {
  const key = modelKey(order.model);
  const meant = deps
    .servers()
    .filter(({ id }) => order.upstream === undefined || id === order.upstream)
    .filter(({ watched }) => watched.health().status === 'up' && watched.has(key));
  return Promise.all(meant.map((server) => preloadAt(server, order, deps.nextFree)));
}

async function preloadAt(
  server: UpstreamServer,
  { model, keepAlive }: PreloadOrder,
  nextFree: () => Promise<void>,
): Promise<Preloaded> {
  const key = modelKey(model);
  const began = performance.now();
  const ended = (error: string | null): Preloaded => ({
    ...{ upstream: server.id, tookMs: Math.round(performance.now() - began), error },
  });
  while (server.loads.loading !== undefined && server.loads.loading !== key) await nextFree();
  const hold = server.hold(key);
  try {
    await hold.load(model, keepAlive);
    return ended(null);
  } catch (error) {
    return ended((error as Error).message);
  } finally {
    hold.release();
  }
}
