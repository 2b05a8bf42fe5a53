/** Connections to one upstream: each carries one call at a time, and can be closed for certain. */
import type { Socket } from 'node:net';
import { buildConnector, Client } from 'undici';

export interface Connection {
  readonly client: Client;
  /** Ends the call on it. Resolves once the socket is closed, or after 5 s. */
  destroy(): Promise<void>;
}

export interface Connections {
  take(): Connection;
  /** For a connection whose answer was read to its end. */
  giveBack(connection: Connection): void;
  /** Ends every call and closes every socket; a later `take` opens new ones. */
  close(): Promise<void>;
}

const CLOSE_WAIT_MS = 5_000;

/**
 * A stack of undici clients rather than its Pool: a Pool cannot give up a call that still connects, and does not tell
 * when the socket of one call is closed. undici's own timers are off because they tick in whole seconds.
 */
export function createConnections(origin: string): Connections {
  const connect = buildConnector({ timeout: 0, allowH2: false }) as (
    ...parameters: Parameters<buildConnector.connector>
  ) => Socket;
  const idle: Connection[] = [];
  const open = new Set<Connection>();

  function openConnection(): Connection {
    let socket: Socket | undefined;
    const client = new Client(origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        socket = connect(options, callback);
      },
    });
    const connection: Connection = {
      client,
      destroy: async () => {
        open.delete(connection);
        const closed = socket && whenClosed(socket);
        void client.destroy();
        socket?.destroy();
        await closed;
      },
    };
    open.add(connection);
    return connection;
  }

  return {
    take: () => idle.pop() ?? openConnection(),
    giveBack: (connection) => {
      if (open.has(connection)) idle.push(connection);
    },
    close: async () => {
      idle.length = 0;
      await Promise.all([...open].map((connection) => connection.destroy()));
    },
  };
}

function whenClosed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_WAIT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
