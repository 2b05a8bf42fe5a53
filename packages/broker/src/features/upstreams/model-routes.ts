/** The operator's routes to the models of the upstreams. */
import type { FastifyInstance } from 'fastify';
import type { InstalledModelList, ModelPreload, PreloadModel } from '../../kernel/contract.generated.ts';
import { fail } from '../../kernel/errors.ts';
import type { Upstreams } from './upstreams.ts';

const PATH = '/api/v1/admin/models';
const config = { access: 'admin' } as const;
const tags = ['admin'];

export function modelRoutes(upstreams: Pick<Upstreams, 'models' | 'preload'>) {
  return (app: FastifyInstance): void => {
    app.get(PATH, {
      config,
      schema: {
        tags,
        operationId: 'listModels',
        summary: 'List the models of all upstreams, and which are loaded',
        response: { 200: { description: 'As this broker sees them.', $ref: 'InstalledModelList#' } },
      },
      handler: async (): Promise<InstalledModelList> => ({ items: upstreams.models(), next_cursor: null }),
    });
    app.post<{ Body: PreloadModel }>(`${PATH}/preload`, {
      config,
      schema: {
        tags,
        operationId: 'preloadModel',
        summary: 'Load a model before the first request needs it',
        body: { $ref: 'PreloadModel#' },
        response: { 200: { description: 'When it is loaded, or could not be.', $ref: 'ModelPreload#' } },
      },
      handler: async ({ body: { model, upstream, keep_alive: keepAlive } }): Promise<ModelPreload> => {
        const all = await upstreams.preload({ model, upstream, keepAlive });
        if (all.length === 0)
          throw fail('not_found', { detail: 'No upstream that is up and meant has this model.' });
        const items = all.map(({ upstream: id, tookMs, error }) => ({
          ...{ upstream: id, took_ms: tookMs, error },
          status: error === null ? ('loaded' as const) : ('failed' as const),
        }));
        return { model, items };
      },
    });
  };
}
