/** One keep-alive HTTP/1.1 connection over a bare socket: a fraction of what any client library costs. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export interface RawAnswer {
  /** 0: the connection broke before there was an answer. */
  readonly status: number;
  readonly body: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const BROKEN: RawAnswer = { status: 0, body: '' };

/** One request at a time; answers must say their length or be chunked, and then the body is left as it came. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #settle: ((answer: RawAnswer) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => this.#take(piece));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end(BROKEN));
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  ask(request: string): Promise<RawAnswer> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return void resolve(BROKEN);
      this.#settle = resolve;
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    this.#received = this.#received.length === 0 ? piece : Buffer.concat([this.#received, piece]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const from = headEnd + HEAD_END.length;
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const isWhole =
      length === undefined
        ? this.#received.subarray(from).toString('latin1').endsWith('0\r\n\r\n')
        : this.#received.length >= from + Number(length);
    if (!isWhole) return;
    const body = this.#received.toString('utf8', from);
    this.#received = Buffer.alloc(0);
    this.#end({ status: Number(head.slice(9, 12)), body });
  }

  #end(answer: RawAnswer): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(answer);
  }
}
