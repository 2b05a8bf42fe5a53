/** Ollama's own routes that change models: as far as operators allow it, for keys that have the scope by name, written down. */
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fail, type FilaError } from '../../kernel/errors.ts';
import { modelNotAllowed } from '../../kernel/key-rights.ts';
import { modelsIn, type Managing } from '../../kernel/managing.ts';
import type { Act } from '../audit/audit.ts';
import type { AcceptedKey } from '../keys/keys.ts';
import type { Json, ManagementFailure, ModelManagement } from '../upstreams/upstreams.ts';
import { DoorFailure } from './door-answer.ts';
import { STOPPING, type DoorError } from './door-errors.ts';
import { asBody, given, refuseFields, textField, wrongField, type Body } from './door-fields.ts';

export interface ManageDeps {
  readonly management: ModelManagement;
  /** Read with each call. */
  readonly allowed: () => readonly Managing[];
  /** Leaves a row in the audit trail before the work, and one after it. */
  readonly perform: <T>(act: Act, request: FastifyRequest, work: () => Promise<T>) => Promise<T>;
  readonly keyOf: (request: FastifyRequest) => AcceptedKey;
  /** Of whatever was thrown. */
  readonly errorOf: (thrown: unknown) => FilaError;
  readonly stopping: AbortSignal;
}

const CONFIG = {
  config: { access: 'key', scope: 'models:write', calls: 'write', act: null },
  schema: { hide: true },
} as const;
const STREAMED = ['pull', 'push', 'create'] as const;
/** Old servers read files of their own by these. */
const OF_THE_SERVER = ['modelfile', 'path'];

export function createManageModels(deps: ManageDeps) {
  /** Throws unless all of it is allowed. */
  function check(request: FastifyRequest, action: Managing, body: Body): void {
    if (!deps.allowed().includes(action))
      throw new DoorFailure({
        ...{ status: 403, code: 'forbidden', isWorthRetrying: false },
        message: `The operators of this broker do not allow models to be managed through it (${action}).`,
      });
    for (const field of ['model', 'name', 'source', 'destination', 'from']) textField(body, field);
    refuseFields(body, OF_THE_SERVER);
    const { mayUseModel } = deps.keyOf(request).rights;
    for (const name of modelsIn(body)) if (!mayUseModel(name)) throw modelNotAllowed(name);
  }

  /** What it lasts for: until the caller leaves, or the broker stops. */
  function whileWanted(reply: FastifyReply): AbortSignal {
    const gone = new AbortController();
    if (reply.raw.closed) gone.abort();
    else reply.raw.once('close', () => gone.abort());
    return AbortSignal.any([gone.signal, deps.stopping]);
  }

  /** Hands on each line; throws what the audit trail keeps, and gives to `onFailure` what the client reads. */
  async function run(
    order: Parameters<ModelManagement['run']>[0],
    onLine: (line: Json) => Promise<void>,
    onFailure: (failure: ManagementFailure) => void,
  ): Promise<void> {
    const lines = deps.management.run(order);
    try {
      let step = await lines.next();
      for (; !step.done; step = await lines.next()) await onLine(step.value);
      if (step.value) throw failed(step.value, onFailure);
    } finally {
      await lines.return(null);
    }
  }

  function failed(failure: ManagementFailure, onFailure: (failure: ManagementFailure) => void): FilaError {
    onFailure(failure);
    const { status, message: detail } = failure;
    if (status === 404) return fail('not_found', { detail });
    return fail(status !== null && status < 500 ? 'bad_request' : 'unavailable', { detail });
  }

  /** The last line, unless the lines are on their way to the client. */
  async function manage(
    request: FastifyRequest,
    reply: FastifyReply,
    { action, body, isStream }: { action: Managing; body: Body; isStream: boolean },
  ): Promise<Json | typeof BEGAN> {
    check(request, action, body);
    const target = textField(body, 'destination') || textField(body, 'model') || textField(body, 'name');
    if (!target) throw wrongField('model', 'is required');
    const signal = whileWanted(reply);
    const said = new PassThrough();
    const began = Promise.withResolvers<void>();
    let last = null as Json | null;
    let failure: ManagementFailure | null = null;
    const onLine = async (line: Json): Promise<void> => {
      last = line;
      if (!isStream) return;
      began.resolve();
      if (!said.write(`${JSON.stringify(line)}\n`)) await once(said, 'drain', { signal });
    };
    const act = { name: `models.${action}`, kind: 'model', idOf: () => target };
    const ended = deps
      .perform(act, request, () =>
        run({ action, body, upstream: upstreamOf(request), signal }, onLine, (one) => (failure = one)),
      )
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    const errorOf = (thrown: unknown): unknown => {
      if (deps.stopping.aborted) return new DoorFailure(STOPPING);
      return failure ? new DoorFailure(ofFailure(failure)) : thrown;
    };
    const thrown = await Promise.race([began.promise.then(() => BEGAN), ended]);
    if (thrown === null) return last ?? { status: 'success' };
    if (thrown !== BEGAN) throw errorOf(thrown);
    void ended.then((late) => {
      const error = late === null ? null : errorOf(late);
      if (error !== null) said.write(`${JSON.stringify({ error: messageOf(error) })}\n`);
      said.end();
    });
    void reply.type('application/x-ndjson').send(said);
    return BEGAN;
  }

  function messageOf(error: unknown): string {
    return error instanceof DoorFailure ? error.message : deps.errorOf(error).message;
  }

  function blobs(door: FastifyInstance): void {
    door.removeAllContentTypeParsers();
    // As large as a model: never in memory as a whole.
    door.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    const path = '/api/blobs/:digest';
    door.head<{ Params: { digest: string } }>(path, CONFIG, async (request, reply) => {
      const meant = { upstream: upstreamOf(request), signal: whileWanted(reply) };
      const isThere = await deps.management.hasBlob(digestOf(request), meant);
      return reply.code(isThere ? 200 : 404).send();
    });
    door.post<{ Params: { digest: string } }>(path, CONFIG, async (request, reply) => {
      const digest = digestOf(request);
      const meant = { upstream: upstreamOf(request), signal: whileWanted(reply) };
      let failure: ManagementFailure | null = null;
      const act = { name: 'models.upload', kind: 'blob', idOf: () => digest };
      try {
        await deps.perform(act, request, async () => {
          const came = await deps.management.putBlob(digest, request.body as Readable, meant);
          if (came) throw failed(came, (one) => (failure = one));
        });
      } catch (error) {
        throw failure ? new DoorFailure(ofFailure(failure)) : error;
      }
      return reply.code(201).send();
    });
  }

  function digestOf(request: FastifyRequest<{ Params: { digest: string } }>): string {
    check(request, 'create', {});
    const { digest } = request.params;
    if (/^sha256[:-][0-9a-f]{64}$/.test(digest)) return digest;
    throw wrongField('digest', 'must be sha256: and 64 hexadecimal digits');
  }

  return {
    /** OpenAI's way to delete one. */
    remove: (request: FastifyRequest, reply: FastifyReply, model: string) =>
      manage(request, reply, { action: 'delete', body: { model }, isStream: false }),
    config: CONFIG,
    routes: (door: FastifyInstance): void => {
      for (const action of STREAMED)
        door.post(`/api/${action}`, CONFIG, async (request, reply) => {
          const body = asBody(request.body);
          const isStream = given(body, 'stream') !== false;
          const last = await manage(request, reply, { action, body, isStream });
          return last === BEGAN ? reply : reply.send(last);
        });
      for (const [action, method] of [
        ['copy', 'POST'],
        ['delete', 'DELETE'],
      ] as const)
        door.route({
          ...{ method, url: `/api/${action}`, ...CONFIG },
          handler: async (request, reply) => {
            await manage(request, reply, { action, body: asBody(request.body), isStream: false });
            return reply.send();
          },
        });
      void door.register(async (inner) => blobs(inner));
    },
  };
}

const BEGAN = Symbol('began');

function upstreamOf({ headers }: FastifyRequest): string | undefined {
  const named = headers['x-fila-upstream'];
  return typeof named === 'string' && named !== '' ? named : undefined;
}

/** Without a status it is what Ollama itself answers where a pull has failed. */
function ofFailure({ status, message }: ManagementFailure): DoorError {
  const isOfCaller = status !== null && status < 500;
  return {
    ...{ status: status ?? 500, message },
    code: isOfCaller ? 'upstream_rejected' : 'upstream_failed',
    isWorthRetrying: false,
  };
}
