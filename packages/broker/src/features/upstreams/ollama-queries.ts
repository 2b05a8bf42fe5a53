/** Small questions to Ollama about itself: its version, what is installed, what is loaded. */
import type { Connections } from './ollama-connections.ts';
import { judgeAnswer, judgeBrokenConnection } from './ollama-errors.ts';

/** What Ollama tells of a model, in its own words. */
export interface ModelFacts {
  readonly digest: string;
  readonly details: Json;
}

export interface InstalledModel extends ModelFacts {
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  /** What it can do, such as `tools`; old versions do not tell. */
  readonly capabilities?: readonly unknown[];
  /** Set when the upstream itself passes the model's calls on to another server. */
  readonly remoteHost?: string;
}

export interface ResidentModel extends ModelFacts {
  readonly name: string;
  readonly sizeBytes: number;
  /** Less than `sizeBytes`: part of the model runs on the processor. */
  readonly vramBytes: number;
  readonly contextLength: number;
  /** When it will be unloaded, as Ollama writes it. */
  readonly expiresAt: string;
}

/** Each rejects when there is no answer within 10 s or it is not Ollama's; the message may be shown. */
export interface OllamaQueries {
  version(signal?: AbortSignal): Promise<string>;
  installed(signal?: AbortSignal): Promise<InstalledModel[]>;
  resident(signal?: AbortSignal): Promise<ResidentModel[]>;
  /** All that Ollama tells of one model: its template, its capabilities and so on. */
  show(model: string): Promise<Json>;
  /** Resolves when the model is loaded, without asking it anything. Rejects after 10 minutes. */
  load(model: string, keepAlive?: string | number, path?: '/api/generate' | '/api/embed'): Promise<void>;
}

export type Json = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 10_000;
const LOAD_TIMEOUT_MS = 600_000;
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export function createOllamaQueries(connections: Connections, basePath: string): OllamaQueries {
  /** A GET, or a POST of what there is to say. */
  async function query(
    path: string,
    signal?: AbortSignal,
    said?: object,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Json> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const sent = said ? { method: 'POST' as const, body: JSON.stringify(said) } : { method: 'GET' as const };
    const ended = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const connection = connections.take();
    const close = () => void connection.destroy();
    ended.addEventListener('abort', close);
    let answer: { status: number; body: string };
    try {
      ended.throwIfAborted();
      const { statusCode, body } = await connection.client.request({ path: basePath + path, ...sent });
      answer = { status: statusCode, body: await readAll(body) };
      connections.giveBack(connection);
    } catch (error) {
      close();
      const message = ended.aborted
        ? 'The upstream did not answer in time.'
        : judgeBrokenConnection(error as Error, 'connect').message;
      throw new Error(message, { cause: error });
    } finally {
      ended.removeEventListener('abort', close);
    }
    if (answer.status !== 200) throw new Error(judgeAnswer(answer.status, answer.body).message);
    return asObject(parse(answer.body));
  }

  return {
    version: async (signal) => asString((await query('/api/version', signal)).version),
    installed: async (signal) => asList((await query('/api/tags', signal)).models).map(readInstalled),
    show: (model) => query('/api/show', undefined, { model }),
    load: async (model, keepAlive, path = '/api/generate') => {
      const said = { model, stream: false, keep_alive: keepAlive };
      await query(path, undefined, said, LOAD_TIMEOUT_MS);
    },
    resident: async (signal) => asList((await query('/api/ps', signal)).models).map(readResident),
  };
}

function readFacts({ digest, details }: Json): ModelFacts {
  return { digest: String(digest ?? ''), details: (details ?? {}) as Json };
}

function readInstalled(model: Json): InstalledModel {
  const { remote_host: remoteHost, capabilities } = model;
  return {
    name: asString(model.name),
    sizeBytes: Number(model.size ?? 0),
    ...readFacts(model),
    modifiedAt: String(model.modified_at ?? ''),
    ...(Array.isArray(capabilities) ? { capabilities } : {}),
    ...(typeof remoteHost === 'string' && remoteHost !== '' ? { remoteHost } : {}),
  };
}

function readResident(model: Json): ResidentModel {
  return {
    name: asString(model.name),
    sizeBytes: Number(model.size ?? 0),
    ...readFacts(model),
    vramBytes: Number(model.size_vram ?? 0),
    contextLength: Number(model.context_length ?? 0),
    expiresAt: String(model.expires_at ?? ''),
  };
}

/** Of a body that is too large only the beginning, which is not JSON. */
async function readAll(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) break;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOllama();
  }
}

function asObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null) throw notOllama();
  return value as Json;
}

function asString(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw notOllama();
  return value;
}

/** Old versions write `null` for no models. */
function asList(value: unknown): Json[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw notOllama();
  return value.map(asObject);
}

function notOllama(): Error {
  return new Error("The answer is not of the shape of Ollama's.");
}
