/** What a client hears when an answer cannot be sent although it is there. */
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { armFailpoints } from '../kernel/failpoints.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createServer } from './server.ts';

afterEach(() => armFailpoints(''));

async function started() {
  const errors: string[] = [];
  const server = createServer({
    ...{ host: '127.0.0.1', port: 0, maxBodyBytes: 1024, adminToken: 'x'.repeat(40) },
    logger: { ...silentLogger, error: (_fields, message) => void errors.push(message) },
    acceptKey: async () => null,
    routes: [
      (app) => {
        app.get('/api/v1/thing', { config: { access: 'anyone' } }, async () => ({ thing: true }));
        app.get('/healthz', { config: { access: 'anyone' } }, async () => ({ ok: true }));
      },
    ],
  });
  onTestFinished(() => server.stop());
  await server.start();
  const get = async (path: string) => {
    const response = await fetch(server.url() + path);
    return { status: response.status, body: (await response.json()) as unknown };
  };
  return { get, errors };
}

describe('an answer that cannot be sent', () => {
  it.each(['error@1', 'error'])(
    'is a documented failure, with %s, and the server goes on',
    async (action) => {
      const { get, errors } = await started();
      armFailpoints(`http.before_answer:${action}`);
      expect(await get('/api/v1/thing')).toMatchObject({ status: 500, body: { code: 'internal_error' } });
      expect(errors.length).toBeGreaterThan(0);
      expect(await get('/healthz')).toEqual({ status: 200, body: { ok: true } });
      armFailpoints('');
      expect(await get('/api/v1/thing')).toEqual({ status: 200, body: { thing: true } });
    },
  );
});
