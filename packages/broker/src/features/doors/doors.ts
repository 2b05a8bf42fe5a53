/** Doors: clients of Ollama and of OpenAI come in here with a key of this broker, and change nothing but address and key. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { modelNotAllowed } from '../../kernel/key-rights.ts';
import { createDoorAnswer, DoorFailure, type DoorDeps } from './door-answer.ts';
import { ofCall, type DoorError } from './door-errors.ts';
import { asBody, modelField } from './door-fields.ts';
import type { KnownModels } from './known-models.ts';
import { createManageModels, type ManageDeps } from './manage-models.ts';
import {
  embedShape,
  emptyEmbed,
  inputOfEmbed,
  inputOfOllama,
  isLoad,
  loadAnswer,
  ollamaShape,
} from './ollama-shapes.ts';
import {
  embeddingsShape,
  errorOfOpenai,
  inputOfEmbeddings,
  inputOfOpenai,
  openaiModel,
  openaiShape,
} from './openai-shapes.ts';

export { createKnownModels } from './known-models.ts';

export interface DoorRouteDeps extends DoorDeps, ManageDeps {
  readonly models: KnownModels;
  readonly parseBody: (body: Buffer) => unknown;
  /** Reads the rest of a body that is refused before its end. */
  readonly readOn: (request: FastifyRequest, reply: FastifyReply) => void;
}

const hidden = { schema: { hide: true } } as const;
const SENDS = { config: { access: 'key', scope: 'requests:write', calls: 'request' }, ...hidden } as const;
const READS = { config: { access: 'key', scope: 'models:read', calls: 'read' }, ...hidden } as const;

export function doorRoutes(deps: DoorRouteDeps) {
  const { models } = deps;
  const answer = createDoorAnswer(deps);
  const manage = createManageModels(deps);

  /** Asked before anything is stored: a wrong name is a mistake of the caller, not work that failed. */
  function knownModel(request: FastifyRequest, model: string): string {
    if (!deps.keyOf(request).rights.mayUseModel(models.modelOf(model))) throw modelNotAllowed(model);
    if (models.mayHave(model)) return model;
    throw new DoorFailure({
      ...{ status: 404, code: 'model_not_found', message: `model '${model}' not found`, param: 'model' },
      isWorthRetrying: false,
    });
  }

  /** A client is offered what it may use. */
  function allowed<Model extends { name: string }>(request: FastifyRequest, all: readonly Model[]): Model[] {
    const { mayUseModel } = deps.keyOf(request).rights;
    return all.filter(({ name }) => mayUseModel(models.modelOf(name)));
  }

  function prepare(door: FastifyInstance, bodyOf: (error: DoorError) => object): void {
    // curl -d says that it sends a form, and means JSON.
    door.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      try {
        done(null, deps.parseBody(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    });
    door.setErrorHandler((thrown: unknown, request, reply) => {
      const fila = thrown instanceof DoorFailure ? null : deps.errorOf(thrown);
      if (fila?.code === 'internal_error')
        deps.logger.error({ err: thrown, http: request.id }, 'a call failed by a defect of ours');
      if (fila?.code === 'body_too_large') deps.readOn(request, reply);
      if (fila?.details.retryAfter !== undefined) void reply.header('retry-after', fila.details.retryAfter);
      const error = fila ? ofCall(fila) : (thrown as DoorFailure).error;
      // Clients of OpenAI's kind call again by themselves after any 5xx.
      if (!error.isWorthRetrying) void reply.header('x-should-retry', 'false');
      return reply.code(error.status).type('application/json; charset=utf-8').send(bodyOf(error));
    });
  }

  function ollama(door: FastifyInstance): void {
    prepare(door, ({ message }) => ({ error: message }));
    for (const kind of ['generate', 'chat'] as const)
      door.post(`/api/${kind}`, SENDS, async (request, reply) => {
        const body = asBody(request.body);
        const model = knownModel(request, modelField(body));
        if (isLoad(kind, body)) {
          // The broker loads models itself, when work for them comes.
          request.keepsPlace = false;
          return reply.send(loadAnswer(kind, body));
        }
        const input = inputOfOllama(kind, body);
        const isStream = body['stream'] !== false;
        return answer(request, reply, { input, isStream, shape: ollamaShape(kind, model) });
      });
    for (const [path, isOld] of [
      ['/api/embed', false],
      ['/api/embeddings', true],
    ] as const)
      door.post(path, SENDS, async (request, reply) => {
        const body = asBody(request.body);
        const model = knownModel(request, modelField(body));
        const empty = emptyEmbed(body, isOld);
        if (empty) {
          request.keepsPlace = false;
          return reply.send(empty);
        }
        const input = inputOfEmbed(body, isOld);
        return answer(request, reply, { input, isStream: false, shape: embedShape(model, isOld) });
      });
    ollamaModels(door);
  }

  function ollamaModels(door: FastifyInstance): void {
    door.get('/api/version', READS, async () => ({ version: models.version() }));
    door.get('/api/tags', READS, async (request) => ({ models: allowed(request, models.list()) }));
    door.get('/api/ps', READS, async (request) => ({ models: allowed(request, models.loaded()) }));
    door.post('/api/show', READS, async (request) => {
      const body = asBody(request.body);
      const model = knownModel(request, modelField({ model: body['model'] ?? body['name'] }));
      const shown = await models.show(model);
      if (shown) return shown;
      throw new DoorFailure({
        ...{ status: 503, code: 'upstream_unreachable', isWorthRetrying: true },
        message: 'No server that has the model answers now.',
      });
    });
    manage.routes(door);
  }

  function openai(door: FastifyInstance): void {
    prepare(door, errorOfOpenai);
    for (const [path, kind] of [
      ['/v1/chat/completions', 'chat'],
      ['/v1/completions', 'completion'],
    ] as const)
      door.post(path, SENDS, async (request, reply) => {
        const body = asBody(request.body);
        knownModel(request, modelField(body));
        const input = inputOfOpenai(kind, body);
        return answer(request, reply, {
          input,
          isStream: body['stream'] === true,
          shape: openaiShape(kind, body),
        });
      });
    door.post('/v1/embeddings', SENDS, async (request, reply) => {
      const body = asBody(request.body);
      knownModel(request, modelField(body));
      const input = inputOfEmbeddings(body);
      return answer(request, reply, { input, isStream: false, shape: embeddingsShape(body) });
    });
    door.get('/v1/models', READS, async (request) => ({
      object: 'list',
      data: allowed(request, models.list()).map(openaiModel),
    }));
    door.delete<{ Params: { '*': string } }>('/v1/models/*', manage.config, async (request, reply) => {
      const id = request.params['*'];
      await manage.remove(request, reply, id);
      return { id, object: 'model', deleted: true };
    });
    door.all('/v1/*', READS, () => {
      throw new DoorFailure({
        ...{ status: 404, code: 'not_found', isWorthRetrying: false },
        message: 'This broker has no such path, or not with this method.',
      });
    });
    door.get<{ Params: { '*': string } }>('/v1/models/*', READS, async (request) => {
      const name = knownModel(request, request.params['*']);
      return openaiModel({ name, ...models.find(name) });
    });
  }

  return (app: FastifyInstance): void => {
    void app.register(async (door) => ollama(door));
    void app.register(async (door) => openai(door));
  };
}
