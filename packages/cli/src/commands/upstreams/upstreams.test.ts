import type { Upstream } from '@fila/sdk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCli, type CliSetup } from '../../testing/run-cli.ts';
import {
  problem,
  startScriptedBroker,
  type ScriptedAnswer,
  type SeenCall,
} from '../../testing/scripted-broker.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const PATH = '/api/v1/admin/upstreams';
const FIXED = { slots: 4, slots_changed: null };

function someUpstream(changes: Partial<Upstream> = {}): Upstream {
  return {
    ...{ id: 'gpu-1:11434', url: 'http://gpu-1:11434', source: 'database', status: 'up' },
    ...{ since: '2026-11-20T08:00:00.000Z', checked_at: '2026-11-20T09:59:58.000Z', last_error: null },
    ...{ version: '0.12.3', models: ['llama3:8b', 'gemma2:2b'], slots: 4, slots_auto: false, running: 3 },
    ...{ enabled: true, draining: false, breaker: 'auto', breakers: [] },
    dispatched_by: { run: 'run_1', host: 'gpu-1', here: true },
    created_at: '2026-11-19T08:00:00.000Z',
    ...changes,
  };
}

/** Runs `fila upstreams …` against a broker that answers so. */
async function upstreams(
  words: readonly string[],
  answer: (call: SeenCall) => ScriptedAnswer = () => ({ body: someUpstream() }),
  setup: CliSetup = {},
) {
  const broker = await startScriptedBroker(answer);
  onTestFinished(() => broker.stop());
  const env = { FILA_URL: broker.url, FILA_TOKEN: 'admin-token', ...setup.env };
  const run = await runCli(['upstreams', ...words], { nowMs: NOW, ...setup, env });
  return { ...run, calls: broker.calls };
}

describe('list', () => {
  const since = '2026-11-20T09:00:00.000Z';
  const page = {
    body: {
      items: [
        someUpstream(),
        someUpstream({ id: 'gpu-2:11434', draining: true }),
        someUpstream({
          ...{ id: 'gpu-3:11434', status: 'down', enabled: false, last_error: 'It is gone.', version: null },
          dispatched_by: null,
          breakers: [
            { model: 'llama3:8b', running: 0, ...FIXED, state: 'open', since, last_error: 'It failed.' },
            { model: 'gemma2:2b', running: 0, ...FIXED, state: 'closed', since, last_error: null },
          ],
        }),
        someUpstream({
          ...{ id: 'gpu-4:11434', breaker: 'open' },
          dispatched_by: { run: 'run_2', host: 'web-2', here: false },
        }),
      ],
      next_cursor: null,
    },
  };

  it('on a terminal shows how each is, what is switched off, and which breakers are open', async () => {
    const { stdout, stderr, calls } = await upstreams(['list'], () => page, { columns: 120 });
    const [header, ...rows] = stdout.trimEnd().split('\n');
    expect(header).toMatch(/^ID +STATUS +SINCE +RUNNING +SLOTS +MODELS +VERSION +BREAKERS +BROKER$/);
    expect(rows[0]).toMatch(/● up +2h ago +3 +4 +2 +0\.12\.3 +closed +this$/);
    expect(rows[1]).toContain('◐ up,draining');
    expect(rows[2]).toMatch(/✖ down,disabled .* - +llama3:8b open +none$/);
    expect(rows[3]).toMatch(/forced open +web-2\/run_2$/);
    expect(stderr).toBe('');
    expect(calls[0]).toMatchObject({
      route: `GET ${PATH}`,
      headers: { authorization: 'Bearer admin-token' },
    });
  });

  it('in a pipe is tab separated, and -o name gives ids', async () => {
    const { stdout } = await upstreams(['list'], () => page);
    expect(stdout.split('\n')[2]).toBe(
      'gpu-3:11434\tdown,disabled\t2026-11-20T08:00:00.000Z\t3\t4\t2\t\tllama3:8b open\tnone',
    );
    expect((await upstreams(['list', '-o', 'name'], () => page)).stdout).toBe(
      'gpu-1:11434\ngpu-2:11434\ngpu-3:11434\ngpu-4:11434\n',
    );
  });

  it('an empty one says how to add an upstream', async () => {
    const { code, stderr } = await upstreams(['list'], () => ({ body: { items: [], next_cursor: null } }));
    expect(code).toBe(0);
    expect(stderr).toContain('fila upstreams add');
  });
});

describe('add, show and set', () => {
  it('add sends the address and its slots, and shows what was found', async () => {
    const { code, stdout, calls } = await upstreams(['add', 'http://gpu-1:11434', '--slots', '4']);
    expect(code).toBe(0);
    expect(calls[0]).toMatchObject({
      route: `POST ${PATH}`,
      body: { url: 'http://gpu-1:11434', slots: 4 },
    });
    expect(stdout).toContain('models\tllama3:8b,gemma2:2b\n');
  });

  it('add says on stderr when nobody answers there', async () => {
    const body = someUpstream({ status: 'down', last_error: 'The upstream refused the connection.' });
    const { code, stderr, calls } = await upstreams(['add', 'http://gpu-1:11434'], () => ({ body }));
    expect(code).toBe(0);
    expect(stderr).toContain('does not answer: The upstream refused the connection.');
    expect(calls[0]!.body).toMatchObject({ slots: 'auto' });
  });

  it('show and set', async () => {
    const shown = await upstreams(['show', 'gpu-1:11434', '--json']);
    expect(JSON.parse(shown.stdout)).toEqual(someUpstream());
    expect(shown.calls[0]!.route).toBe(`GET ${PATH}/gpu-1%3A11434`);
    const set = await upstreams(['set', 'gpu-1:11434', '--slots', '2']);
    expect(set.calls[0]).toMatchObject({ route: `PUT ${PATH}/gpu-1%3A11434`, body: { slots: 2 } });
  });

  it('show says how many slots each model turned out to have, and why they last changed', async () => {
    const at = '2026-11-20T09:59:00.000Z';
    const one = { running: 1, state: 'closed', since: at, last_error: null } as const;
    const breakers: Upstream['breakers'] = [
      { ...one, model: 'gemma2:2b', slots: 1, slots_changed: null },
      {
        ...{ ...one, model: 'llama3:8b', slots: 3 },
        slots_changed: { at, from: 2, to: 3, reason: 'more_tokens' },
      },
    ];
    const body = someUpstream({ slots: 3, slots_auto: true, breakers });
    const { stdout } = await upstreams(['show', 'a:1'], () => ({ body }), { columns: 120 });
    expect(stdout).toMatch(/^slots +3 auto$/m);
    expect(stdout).toMatch(/^slots of gemma2:2b +1$/m);
    expect(stdout).toMatch(/^slots of llama3:8b +3, from 2 1m ago: one more brought more tokens a second$/m);
    const set = await upstreams(['set', 'gpu-1:11434', '--slots', 'auto']);
    expect(set.calls[0]!.body).toEqual({ slots: 'auto' });
  });

  it('show says why a breaker is open', async () => {
    const breakers: Upstream['breakers'] = [
      {
        ...{ model: 'gemma2:2b', running: 1, ...FIXED, state: 'closed' },
        ...{ since: someUpstream().since!, last_error: 'Old.' },
      },
      {
        model: 'llama3:8b',
        running: 0,
        ...FIXED,
        state: 'open',
        since: someUpstream().since!,
        last_error: 'It failed.',
      },
    ];
    const { stdout } = await upstreams(['show', 'a:1'], () => ({ body: someUpstream({ breakers }) }));
    expect(stdout).toContain('breakers\tllama3:8b open\nbreaker error\tIt failed.\n');
  });

  it.each([
    [['add', 'http://gpu-1:11434', '--slots', '0']],
    [['set', 'gpu-1:11434']],
    [['set', 'gpu-1:11434', '--slots', '257']],
    [['set', 'gpu-1:11434', '--slots', 'autos']],
    [['breaker', 'gpu-1:11434', 'ajar']],
  ])('%j is a usage error', async (words) => {
    const { code, calls } = await upstreams(words);
    expect(code).toBe(2);
    expect(calls).toHaveLength(0);
  });
});

describe('switches', () => {
  it.each([
    ['enable', 'enabled'],
    ['disable', 'disabled'],
    ['drain', 'draining'],
    ['undrain', 'taking calls'],
  ])('%s', async (verb, done) => {
    const { code, stdout, calls } = await upstreams([verb, 'a:1', 'b:2']);
    expect(code).toBe(0);
    expect(stdout).toBe(`upstream/a:1 ${done}\nupstream/b:2 ${done}\n`);
    expect(calls.map(({ route }) => route)).toEqual([
      `POST ${PATH}/a%3A1/${verb}`,
      `POST ${PATH}/b%3A2/${verb}`,
    ]);
  });

  it.each([
    ['open', 'breakers forced open'],
    ['auto', 'breakers left to themselves'],
  ])('breaker %s', async (state, done) => {
    const { stdout, calls } = await upstreams(['breaker', 'a:1', state]);
    expect(stdout).toBe(`upstream/a:1 ${done}\n`);
    expect(calls[0]).toMatchObject({ route: `POST ${PATH}/a%3A1/breaker`, body: { state } });
  });
});

describe('remove', () => {
  it('without a terminal needs --yes', async () => {
    const refused = await upstreams(['remove', 'a:1']);
    expect(refused).toMatchObject({ code: 2, calls: [] });
    expect(refused.stderr).toContain('fila upstreams remove a:1 --yes');
    const removed = await upstreams(['remove', 'a:1', '--yes']);
    expect(removed).toMatchObject({ code: 0, stdout: 'upstream/a:1 removed; its calls end\n' });
    expect(removed.calls[0]!.route).toBe(`DELETE ${PATH}/a%3A1`);
  });

  it.each([
    ['y', 0, true],
    ['', 1, false],
  ])(
    'on a terminal shows what runs there and asks; "%s" ends with %i',
    async (answer, exitCode, isRemoved) => {
      const { code, stderr, calls } = await upstreams(['remove', 'a:1'], undefined, { typed: [answer] });
      expect(code).toBe(exitCode);
      expect(stderr).toContain('up, 3 running, 2 models');
      expect(calls.some(({ route }) => route.startsWith('DELETE'))).toBe(isRemoved);
    },
  );

  it('of one that the settings name says why not', async () => {
    const { code, stderr } = await upstreams(['remove', 'a:1', '--yes'], () => problem(409, 'conflict'));
    expect(code).toBe(6);
    expect(stderr).toContain('This is conflict.');
  });
});
