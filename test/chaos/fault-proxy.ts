/** A TCP proxy on 127.0.0.1 that treats the bytes between a client and a server as badly as it is told to. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Chance, seededChance } from './chance.ts';
import { cut, pump } from './fault-pump.ts';

/** What happens to the bytes of one direction. */
export interface Stretch {
  /** Each piece arrives this much later … */
  readonly latencyMs?: number;
  /** … and up to this much more; the order is kept. */
  readonly jitterMs?: number;
  /** Pieces of this size at most, each in a packet of its own. */
  readonly sliceBytes?: number;
  readonly bytesPerSecond?: number;
  /** After this many bytes nothing more passes, not even the end: the connection is half open for good. */
  readonly capBytes?: number;
}

export interface Faults {
  /**
   * `refuse`: nobody listens. `reset`: taken and reset (RST). `blackhole`: taken, and nothing passes in either
   * direction, also on connections that were there; what was held passes when it is healed.
   */
  readonly connections?: 'refuse' | 'reset' | 'blackhole';
  /** From the client to the server. */
  readonly up?: Stretch;
  /** From the server to the client. */
  readonly down?: Stretch;
  /** Only this share of new connections suffers, drawn from the seed; 1 unless given. */
  readonly share?: number;
}

export interface Connection {
  /** From now on its own, whatever the proxy's are; null: as the proxy's again. */
  set(faults: Faults | null): void;
  /** Ends it at both sides with RST, in the middle of whatever it was doing. */
  reset(): void;
}

export interface FaultProxy {
  readonly port: number;
  /** For all connections, those that are there and those that come; null heals. */
  set(faults: Faults | null): Promise<void>;
  /** Those open now, the oldest first. */
  connections(): Connection[];
  resetAll(): void;
  stop(): Promise<void>;
}

interface Link extends Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** The proxy's rules say something else now. */
  changed(): void;
}

const NONE: Faults = {};

/** Takes connections on a port of its own and passes each on to `targetPort`. */
export async function startFaultProxy(targetPort: number, seed = 1): Promise<FaultProxy> {
  const chance = seededChance(seed);
  const links = new Set<Link>();
  let faults: Faults = NONE;
  let listening = await listen(0);
  const { port } = listening.address() as AddressInfo;

  async function listen(wanted: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept).listen(wanted, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  function accept(client: Socket): void {
    const draw = chance.next();
    client.on('error', () => {});
    if (faultsOf(faults, draw).connections === 'reset') return cut(client);
    const link = openLink(client, {
      targetPort,
      chance: chance.fork(`connection ${draw}`),
      common: () => faultsOf(faults, draw),
      onClosed: () => links.delete(link),
    });
    links.add(link);
  }

  async function set(next: Faults | null): Promise<void> {
    faults = next ?? NONE;
    const refuses = faults.connections === 'refuse';
    if (refuses && listening.listening) listening.close();
    if (!refuses && !listening.listening) listening = await listen(port);
    for (const link of links) link.changed();
  }

  const resetAll = (): void => links.forEach((link) => link.reset());
  return {
    port,
    set,
    connections: () => [...links],
    resetAll,
    stop: async () => {
      listening.close();
      const open = [...links].flatMap(({ client, server }) => [client, server]);
      const closing = open.filter((socket) => !socket.closed).map(closed);
      resetAll();
      await Promise.all(closing);
    },
  };
}

interface LinkRules {
  readonly targetPort: number;
  readonly chance: Chance;
  /** What the proxy says of this connection, unless it has faults of its own. */
  readonly common: () => Faults;
  readonly onClosed: () => void;
}

function openLink(client: Socket, { targetPort, chance, common, onClosed }: LinkRules): Link {
  const server = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  let own: Faults | null = null;
  const now = (): Faults => own ?? common();
  const isHeld = (): boolean => now().connections === 'blackhole';
  const pumps = [
    pump(client, server, { stretch: () => now().up ?? {}, isHeld, chance: chance.fork('up') }),
    pump(server, client, { stretch: () => now().down ?? {}, isHeld, chance: chance.fork('down') }),
  ];
  for (const socket of [client, server])
    socket.once('close', () => {
      if (client.destroyed && server.destroyed) onClosed();
    });
  const changed = (): void => pumps.forEach((one) => one.changed());
  return {
    ...{ client, server, changed },
    set: (faults) => {
      own = faults;
      changed();
    },
    reset: () => {
      cut(client);
      cut(server);
    },
  };
}

/** Unlike events.once it does not mind how. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function faultsOf(faults: Faults, draw: number): Faults {
  return draw < (faults.share ?? 1) ? faults : NONE;
}
