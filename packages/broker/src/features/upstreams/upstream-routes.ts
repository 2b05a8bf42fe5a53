/** Routes of upstreams, for an operator. */
import type { FastifyInstance } from 'fastify';
import type {
  CreateUpstream,
  SetUpstreamBreaker,
  UpdateUpstream,
  UpstreamList,
} from '../../kernel/contract.generated.ts';
import type { Act } from '../audit/audit.ts';
import type { UpstreamRegistry, UpstreamSwitch } from './upstream-registry.ts';

type WithId = { Params: { id: string } };

const PATH = '/api/v1/admin/upstreams';
const ID = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', description: 'host:port of the upstream.' } },
};
const read = { access: 'admin', permission: 'upstreams.read' } as const;
const operate = { access: 'admin', permission: 'upstreams.switch' } as const;
const config = { access: 'admin', permission: 'upstreams.write' } as const;
const tags = ['admin'];
const upstream = (description: string) => ({ 200: { description, $ref: 'Upstream#' } });

/** Verbs that only switch something. */
const SWITCHES: readonly { verb: string; summary: string; change: UpstreamSwitch }[] = [
  { verb: 'enable', summary: 'Choose an upstream again', change: { isEnabled: true } },
  { verb: 'disable', summary: 'Choose an upstream no more', change: { isEnabled: false } },
  { verb: 'drain', summary: 'Let running calls end and start none', change: { isDraining: true } },
  { verb: 'undrain', summary: 'Start calls again', change: { isDraining: false } },
];

export function upstreamRoutes(upstreams: UpstreamRegistry) {
  const state = async (id: string) => {
    const { isEnabled: enabled, isDraining: draining, ...rest } = await upstreams.decided(id);
    return { ...rest, enabled, draining };
  };
  const acting = (verb: string, may: typeof config | typeof operate = config) => ({
    ...may,
    act: { name: `upstreams.${verb}`, kind: 'upstream', isOneTransaction: true, state } satisfies Act,
  });
  /** A new one is probed before the answer: no transaction waits for that. */
  const adding = { ...config, act: { name: 'upstreams.add', kind: 'upstream', state } satisfies Act };

  function switchRoutes(app: FastifyInstance): void {
    for (const { verb, summary, change } of SWITCHES)
      app.post<WithId>(`${PATH}/:id/${verb}`, {
        config: acting(verb, operate),
        schema: {
          tags,
          operationId: `${verb}Upstream`,
          summary,
          params: ID,
          response: upstream('The upstream as it is now.'),
        },
        handler: (request) => upstreams.switch(request.params.id, change),
      });
    app.post<WithId & { Body: SetUpstreamBreaker }>(`${PATH}/:id/breaker`, {
      config: acting('breaker', operate),
      schema: {
        tags,
        operationId: 'setUpstreamBreaker',
        summary: 'Force the circuit breakers of an upstream, or leave them to themselves',
        params: ID,
        body: { $ref: 'SetUpstreamBreaker#' },
        response: upstream('The upstream as it is now.'),
      },
      handler: (request) => upstreams.switch(request.params.id, { breaker: request.body.state }),
    });
  }

  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config: read,
      schema: {
        tags,
        operationId: 'listUpstreams',
        summary: 'List all upstreams and how they are',
        response: { 200: { description: 'All of them, as this broker sees them.', $ref: 'UpstreamList#' } },
      },
      handler: async (): Promise<UpstreamList> => ({ items: upstreams.list(), next_cursor: null }),
    });
    app.post<{ Body: CreateUpstream }>(PATH, {
      config: adding,
      schema: {
        tags,
        operationId: 'addUpstream',
        summary: 'Add an Ollama server',
        body: { $ref: 'CreateUpstream#' },
        response: { 201: { description: 'The upstream, after its first probe.', $ref: 'Upstream#' } },
      },
      handler: async (request, reply) => {
        const added = await upstreams.add(request.body);
        void reply.code(201).header('location', `${PATH}/${encodeURIComponent(added.id)}`);
        return added;
      },
    });
    app.get<WithId>(`${PATH}/:id`, {
      config: read,
      schema: {
        tags,
        operationId: 'getUpstream',
        summary: 'Look at an upstream',
        params: ID,
        response: upstream('The upstream, as this broker sees it.'),
      },
      handler: async (request) => upstreams.get(request.params.id),
    });
    app.put<WithId & { Body: UpdateUpstream }>(`${PATH}/:id`, {
      config: acting('update'),
      schema: {
        tags,
        operationId: 'updateUpstream',
        summary: 'Change an upstream that was added at run time',
        params: ID,
        body: { $ref: 'UpdateUpstream#' },
        response: upstream('The changed upstream.'),
      },
      handler: (request) => upstreams.update(request.params.id, request.body),
    });
    app.delete<WithId>(`${PATH}/:id`, {
      config: acting('remove'),
      schema: {
        tags,
        operationId: 'removeUpstream',
        summary: 'Remove an upstream that was added at run time, once its calls have ended',
        params: ID,
        response: upstream('The upstream, which takes no calls any more.'),
      },
      handler: (request) => upstreams.remove(request.params.id),
    });
    switchRoutes(app);
  };
}
