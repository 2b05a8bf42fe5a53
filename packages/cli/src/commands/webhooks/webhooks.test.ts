import { afterEach, describe, expect, it } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type ScriptedBroker,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const ID = 'whk_0000000000000000000000000a';
const DELIVERY_ID = 'dlv_0000000000000000000000000a';
const WEBHOOK = {
  ...{ id: ID, url: 'https://shop.example/hook', events: null, status: 'enabled', disabled_reason: null },
  ...{ disabled_at: null, failing_since: null, previous_secret_until: null },
  ...{ created_at: '2026-11-20T08:00:00.000Z', updated_at: '2026-11-20T08:00:00.000Z' },
};
const CREATED = { ...WEBHOOK, secret: 'whsec_newsecret' };
const DELIVERY = {
  ...{ id: DELIVERY_ID, message_id: 'msg_0000000000000000000000000a', webhook_id: ID },
  ...{
    type: 'request.completed',
    request_id: 'req_0000000000000000000000000a',
    status: 'pending',
    attempts: 2,
  },
  ...{ next_attempt_at: '2026-11-20T10:05:00.000Z', response_status: 503, latency_ms: 1234, error: 'status' },
  ...{ response_excerpt: 'busy', replayed_from: null, created_at: '2026-11-20T09:00:00.000Z' },
  ...{ last_attempt_at: '2026-11-20T09:59:00.000Z', completed_at: null },
};

const brokers: ScriptedBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** Runs `fila webhooks …` against a broker that answers so. */
async function webhooks(
  words: readonly string[],
  answer: (call: SeenCall, count: number) => ScriptedAnswer,
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  brokers.push(broker);
  const env = { FILA_URL: broker.url, FILA_API_KEY: 'fila_live_key', ...setup.env };
  const run = await runCli(['webhooks', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('create', () => {
  const create = ['create', WEBHOOK.url, '--event', 'request.failed', '--event', 'request.expired'];

  it('prints the secret alone on stdout and the rest on stderr, also with --quiet', async () => {
    const { code, stdout, stderr, calls } = await webhooks([...create, '--quiet'], () => ({ body: CREATED }));
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'whsec_newsecret\n' });
    expect(stderr).toContain('shown this once');
    expect(stderr).toContain(ID);
    expect(stderr).not.toContain('whsec_newsecret');
    expect(calls[0]).toMatchObject({
      route: 'POST /api/v1/webhooks',
      body: { url: WEBHOOK.url, events: ['request.failed', 'request.expired'] },
      headers: { authorization: 'Bearer fila_live_key' },
    });
  });

  it('with -o json prints all of it and nothing else', async () => {
    const { stdout, stderr } = await webhooks(['create', WEBHOOK.url, '-o', 'json'], () => ({
      body: CREATED,
    }));
    expect(JSON.parse(stdout)).toEqual(CREATED);
    expect(stderr).toBe('');
  });

  it.each([
    ['-o name, which would lose the secret', [...create, '-o', 'name']],
    ['an event that does not exist', ['create', WEBHOOK.url, '--event', 'request.done']],
    ['no url', ['create']],
  ])('refuses %s', async (_what, words) => {
    const { code, calls } = await webhooks(words, () => ({ body: CREATED }));
    expect({ code, calls: calls.length }).toEqual({ code: 2, calls: 0 });
  });
});

describe('list and show', () => {
  const failing = { ...WEBHOOK, status: 'disabled', disabled_reason: 'gone', failing_since: null };

  it('on a terminal are tables with glyphs', async () => {
    const page = { body: { items: [WEBHOOK, failing], next_cursor: 'c2' } };
    const { stdout, stderr } = await webhooks(['list'], () => page, { columns: 140 });
    const [header, first, second] = stdout.split('\n');
    expect(header).toMatch(/^ID +URL +STATUS +FAILING-SINCE +CREATED$/);
    expect(first).toMatch(/● enabled +- +2h ago$/);
    expect(second).toContain('✖ disabled (gone)');
    expect(stderr).toContain('--cursor c2');
  });

  it('in a pipe are exact', async () => {
    const page = { body: { items: [WEBHOOK], next_cursor: null } };
    const { stdout } = await webhooks(['list'], () => page);
    expect(stdout).toBe(`${ID}\t${WEBHOOK.url}\tenabled\t\t2026-11-20T08:00:00.000Z\n`);
    const shown = await webhooks(['show', ID], () => ({ body: WEBHOOK }));
    expect(shown.stdout).toContain('events\tall\n');
    expect(shown.calls[0]!.route).toBe(`GET /api/v1/webhooks/${ID}`);
  });

  it('an empty list says how to make one', async () => {
    const { stderr } = await webhooks(['list'], () => ({ body: { items: [], next_cursor: null } }));
    expect(stderr).toContain('fila webhooks create');
  });
});

describe('update', () => {
  it.each([
    [['--to', 'https://b.example/'], { url: 'https://b.example/' }],
    [['--event', 'request.failed'], { events: ['request.failed'] }],
    [['--all-events'], { events: null }],
  ])('%j sends %j', async (flags, body) => {
    const { code, calls } = await webhooks(['update', ID, ...flags], () => ({ body: WEBHOOK }));
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({ route: `PUT /api/v1/webhooks/${ID}`, body });
  });

  it.each([[[]], [['--event', 'request.failed', '--all-events']]])('%j is a usage error', async (flags) => {
    const { code, calls } = await webhooks(['update', ID, ...flags], () => ({ body: WEBHOOK }));
    expect({ code, calls: calls.length }).toEqual({ code: 2, calls: 0 });
  });
});

describe('delete and enable', () => {
  it('delete without a terminal needs --yes', async () => {
    const refused = await webhooks(['delete', ID], () => ({ body: WEBHOOK }));
    expect(refused).toMatchObject({ code: 2, calls: [] });
    expect(refused.stderr).toContain(`fila webhooks delete ${ID} --yes`);
    const done = await webhooks(['delete', ID, '--yes'], () => ({ body: WEBHOOK }));
    expect(done).toMatchObject({ code: 0, stdout: `webhook/${ID} deleted\n` });
    expect(done.calls[0]!.route).toBe(`DELETE /api/v1/webhooks/${ID}`);
  });

  it.each([
    ['y', 0, true],
    ['n', 1, false],
  ])('delete on a terminal shows the url and asks; %s ends with %i', async (typed, exitCode, isDeleted) => {
    const { code, stderr, calls } = await webhooks(['delete', ID], () => ({ body: WEBHOOK }), {
      typed: [typed],
    });
    expect(code).toBe(exitCode);
    expect(stderr).toContain(WEBHOOK.url);
    expect(calls.some(({ route }) => route.startsWith('DELETE'))).toBe(isDeleted);
  });

  it('enable takes several, and counts what failed into the exit code', async () => {
    const { code, stdout, stderr } = await webhooks(['enable', ID, 'whk_b'], ({ route }) =>
      route.includes('whk_b') ? problem(404, 'not_found') : { body: WEBHOOK },
    );
    expect({ code, stdout }).toEqual({ code: 3, stdout: `webhook/${ID} enabled\n` });
    expect(stderr).toContain('webhook/whk_b: Not found');
  });
});

describe('rotate', () => {
  it('prints the new secret, and says how long the old one stays', async () => {
    const body = { ...CREATED, previous_secret_until: '2026-11-21T10:00:00.000Z' };
    const { stdout, stderr, calls } = await webhooks(['rotate', ID, '--overlap', '12h'], () => ({ body }));
    expect(stdout).toBe('whsec_newsecret\n');
    expect(stderr).toContain('2026-11-21T10:00:00.000Z');
    expect(calls[0]).toMatchObject({
      ...{ route: `POST /api/v1/webhooks/${ID}/rotate`, query: { overlap_seconds: '43200' } },
    });
  });

  it('asks for a day unless told otherwise', async () => {
    const { calls } = await webhooks(['rotate', ID], () => ({ body: CREATED }));
    expect(calls[0]!.query).toEqual({ overlap_seconds: '86400' });
    expect((await webhooks(['rotate', ID, '--overlap', 'soon'], () => ({ body: CREATED }))).code).toBe(2);
  });
});

describe('test, deliveries and redeliver', () => {
  it('test prints the id of its delivery', async () => {
    const { stdout, stderr, calls } = await webhooks(['test', ID], () => ({ status: 202, body: DELIVERY }));
    expect(stdout).toBe(`${DELIVERY_ID}\n`);
    expect(stderr).toContain(`fila webhooks show ${DELIVERY_ID}`);
    expect(calls[0]!.route).toBe(`POST /api/v1/webhooks/${ID}/test`);
  });

  it('deliveries show what happened and when it is tried again', async () => {
    const { stdout, calls } = await webhooks(
      ['deliveries', '--status', 'pending'],
      () => ({ body: { items: [DELIVERY], next_cursor: null } }),
      { columns: 160 },
    );
    expect(stdout).toMatch(/○ pending +request.completed +whk_0{25}a +2 +503 +1.2s +status +in 5m +1h ago/);
    expect(calls[0]).toMatchObject({
      ...{ route: `GET /api/v1/webhooks/deliveries`, query: { status: 'pending', limit: '50' } },
    });
  });

  it('deliveries are found by receiver, request and type; one without a webhook went to a callback', async () => {
    const request = 'req_0000000000000000000000000a';
    const { stdout, calls } = await webhooks(
      ['deliveries', '--endpoint', ID, '--request', request, '--event', 'request.failed'],
      () => ({ body: { items: [{ ...DELIVERY, webhook_id: null }], next_cursor: null } }),
    );
    expect(calls[0]!.query).toEqual({
      ...{ endpoint_id: ID, request_id: request, event: 'request.failed', limit: '50' },
    });
    expect(stdout.split('\t')[3]).toBe('callback');
  });

  it('show takes a delivery as well, with its attempts below', async () => {
    const attempt = { attempt: 1, ended_at: '2026-11-20T09:00:00.000Z', response_status: null };
    const history = [{ ...attempt, latency_ms: 15_000, error: 'timeout' }];
    const { stdout, calls } = await webhooks(['show', DELIVERY_ID], () => ({
      body: { ...DELIVERY, history },
    }));
    expect(calls[0]!.route).toBe(`GET /api/v1/webhooks/deliveries/${DELIVERY_ID}`);
    expect(stdout).toContain(`to\t${ID}\n`);
    expect(stdout).toMatch(/\n\n1\t2026-11-20T09:00:00.000Z\t\t15000\ttimeout\n$/);
  });

  it('redeliver takes a delivery, or a webhook with --since', async () => {
    const one = await webhooks(['redeliver', DELIVERY_ID], () => ({ status: 202, body: DELIVERY }));
    expect(one.calls[0]!.route).toBe(`POST /api/v1/webhooks/deliveries/${DELIVERY_ID}/redeliver`);
    expect(one.stdout).toBe(`${DELIVERY_ID}\n`);
    const all = await webhooks(['redeliver', ID, '--since', '2h'], () => ({
      status: 202,
      body: { count: 3 },
    }));
    expect(all.calls[0]).toMatchObject({
      ...{ route: `POST /api/v1/webhooks/${ID}/redeliver`, body: { since: '2026-11-20T08:00:00.000Z' } },
    });
    expect(all.stdout).toBe('3\n');
  });

  it.each([[[ID]], [[ID, '--since', 'soon']], [[DELIVERY_ID, '--since', '1h']]])(
    'redeliver %j is a usage error',
    async (words) => {
      const { code, calls } = await webhooks(['redeliver', ...words], () => ({ body: {} }));
      expect({ code, calls: calls.length }).toEqual({ code: 2, calls: 0 });
    },
  );
});
