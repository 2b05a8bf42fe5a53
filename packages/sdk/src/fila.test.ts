import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidRequest, NotAllowed, type FilaError } from './errors.ts';
import { Fila, type FilaOptions } from './fila.ts';
import { aClient, ADMIN_TOKEN, API_KEY, aProblem, REQUEST_ID } from './testing/samples.ts';
import { scriptedServer } from './testing/scripted-server.ts';

const live = { json: { status: 'ok' } };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

describe('Fila', () => {
  it('takes what it is not told from the environment', async () => {
    const server = await scriptedServer(() => ({ json: { items: [], next_cursor: null } }));
    vi.stubEnv('FILA_URL', `${server.url}/`);
    vi.stubEnv('FILA_API_KEY', 'key-of-the-environment\n');
    vi.stubEnv('FILA_TOKEN', 'token-of-the-environment');
    const fila = new Fila();
    await fila.requests.list().page();
    await fila.keys.list().page();
    expect(server.calls.map((call) => call.headers.authorization)).toEqual([
      'Bearer key-of-the-environment',
      'Bearer token-of-the-environment',
    ]);
  });

  it('prefers what it is told', async () => {
    const server = await scriptedServer([live]);
    vi.stubEnv('FILA_URL', 'http://127.0.0.1:1');
    vi.stubEnv('FILA_API_KEY', 'key-of-the-environment');
    await new Fila({ url: server.url, apiKey: 'told' }).authenticate();
    expect(server.calls[0]?.headers.authorization).toBe('Bearer told');
  });

  it('asks the local broker when nobody says where, also where there is no process', async () => {
    vi.stubEnv('FILA_URL', '');
    const urls: string[] = [];
    const fetch = async (url: string): Promise<Response> => {
      urls.push(url);
      return Response.json({ status: 'ok' });
    };
    await new Fila({ fetch }).health.live();
    vi.stubGlobal('process', undefined);
    const withoutProcess = new Fila({ fetch });
    vi.unstubAllGlobals();
    await withoutProcess.health.live();
    expect(urls).toEqual(['http://127.0.0.1:7433/livez', 'http://127.0.0.1:7433/livez']);
  });

  it('keeps the path of an address', async () => {
    const server = await scriptedServer([live]);
    await aClient(`${server.url}/ai/`).fila.health.live();
    expect(server.calls[0]?.url).toBe('/ai/livez');
  });

  it.each<FilaOptions>([
    { url: 'secret' },
    { url: 'ftp://secret' },
    { url: 'http://secret:secret@host' },
    { apiKey: 'secret\nsecret' },
    { adminToken: 'secret é' },
  ])('refuses %o without quoting it', (options) => {
    const build = (): Fila => new Fila(options);
    expect(build).toThrow(InvalidRequest);
    expect(build).toThrow(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
  });

  it('says what to set when there is no key, and sends nothing', async () => {
    const server = await scriptedServer([]);
    vi.stubEnv('FILA_API_KEY', '');
    vi.stubEnv('FILA_TOKEN', '');
    const fila = new Fila({ url: server.url });
    await expect(fila.authenticate()).rejects.toThrow(NotAllowed);
    await expect(fila.authenticate()).rejects.toThrow('FILA_API_KEY');
    await expect(fila.keys.get('key_1')).rejects.toThrow('FILA_TOKEN');
    expect(server.calls).toEqual([]);
  });

  it('authenticates', async () => {
    const json = { valid: true, key: { id: 'key_1', name: 'shop' } };
    const server = await scriptedServer([{ json }]);
    expect(await aClient(server.url).fila.authenticate()).toEqual(json);
    expect(server.calls[0]).toMatchObject({ method: 'POST', url: '/api/v1/authenticate', body: '' });
  });

  it('shows its keys to nobody who prints it', () => {
    const { fila } = aClient('http://127.0.0.1:1');
    const text = inspect(fila, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(fila);
    expect(text).not.toContain(API_KEY);
    expect(text).not.toContain(ADMIN_TOKEN);
  });

  it.each([
    {
      name: 'a page that shows the call',
      reply: { status: 500, text: `<pre>Authorization: Bearer ${API_KEY}` },
    },
    {
      name: 'a problem that names the key',
      reply: aProblem(422, 'validation_failed', {
        detail: `The key ${API_KEY} is odd.`,
        errors: [{ pointer: '/', detail: API_KEY }],
      }),
    },
  ])('shows its keys in no error: $name', async ({ reply }) => {
    const server = await scriptedServer([reply]);
    const error = await aClient(server.url, { maxRetries: 0 })
      .fila.requests.get(REQUEST_ID)
      .catch((failure: FilaError) => failure);
    expect(inspect(error, { showHidden: true, depth: 20 })).toContain('[secret]');
    expect(inspect(error, { showHidden: true, depth: 20 }) + JSON.stringify(error)).not.toContain(API_KEY);
  });

  it('shows its keys in no error: a fetch that throws what it was given', async () => {
    const fetch = async (_: string, init: RequestInit): Promise<Response> => {
      const sent = new Headers(init.headers).get('authorization');
      throw new TypeError('fetch failed', { cause: new Error(`cannot send ${sent}`) });
    };
    const error = await aClient('http://127.0.0.1:1', { fetch })
      .fila.requests.get(REQUEST_ID)
      .catch((failure: FilaError) => failure);
    expect(inspect(error, { showHidden: true, depth: 20 })).toContain('cannot send Bearer [secret]');
    expect(inspect(error, { showHidden: true, depth: 20 })).not.toContain(API_KEY);
  });
});
