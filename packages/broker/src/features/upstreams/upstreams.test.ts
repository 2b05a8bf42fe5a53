import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/logger.ts';
import { hold, startScriptedOllama, type ScriptedOllama } from './testing/scripted-ollama.ts';
import { createUpstreams, type CallOptions, type Upstreams, type UpstreamsDeps } from './upstreams.ts';

const LONG = { connectMs: 10_000, firstTokenMs: 10_000, gapMs: 10_000, totalMs: 10_000 };
const PATIENT: CallOptions = { timers: LONG, maxAnswerBytes: 1_000_000 };
const MODEL = 'llama3:8b';
const ASK = { model: MODEL, prompt: 'hi' };

const servers: ScriptedOllama[] = [];
const started: Upstreams[] = [];

afterEach(async () => {
  for (const upstreams of started.splice(0)) await upstreams.stop();
  for (const server of servers.splice(0)) await server.stop();
});

async function server(port = 0): Promise<ScriptedOllama> {
  const ollama = await startScriptedOllama(undefined, port);
  servers.push(ollama);
  return ollama;
}

async function start(all: readonly ScriptedOllama[], more: Partial<UpstreamsDeps> = {}): Promise<Upstreams> {
  const upstreams = createUpstreams({
    upstreams: all.map(({ url }) => ({ url, slots: 2 })),
    allowCloudModels: false,
    logger: silentLogger,
    clock: systemClock,
    probeMs: 50,
    ...more,
  });
  started.push(upstreams);
  await upstreams.start();
  return upstreams;
}

/** Waits until a state is reached; its tests fail by their timeout when it never is. */
async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function nextFree(upstreams: Upstreams): Promise<void> {
  return new Promise((resolve) => {
    const end = upstreams.onFree(() => {
      end();
      resolve();
    });
  });
}

describe('slots', () => {
  it('are counted per upstream and model, under every spelling of its name', async () => {
    const ollama = await server();
    ollama.models = [{ name: 'one:latest' }, { name: 'two:latest' }];
    const upstreams = await start([ollama]);
    expect(upstreams.take('one')).not.toBeNull();
    expect(upstreams.take('ONE:latest')).not.toBeNull();
    expect(upstreams.take('one')).toBeNull();
    expect([upstreams.free('one'), upstreams.free('two')]).toEqual([0, 2]);
    expect(upstreams.states()[0]).toMatchObject({ running: 2, slots: 2 });
  });

  it('are freed once, however often they are released, and that is told', async () => {
    const upstreams = await start([await server()]);
    const slot = upstreams.take(MODEL)!;
    upstreams.take(MODEL);
    let told = 0;
    const end = upstreams.onFree(() => (told += 1));
    slot.release();
    slot.release();
    expect([upstreams.free(MODEL), told]).toEqual([1, 1]);
    end();
    upstreams.take(MODEL)!.release();
    expect(told).toBe(1);
  });

  it('carry calls', async () => {
    const ollama = await server();
    const upstreams = await start([ollama]);
    const slot = upstreams.take(MODEL)!;
    expect(slot.upstream).toBe(new URL(ollama.url).host);
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ kind: 'answered', text: 'Hello' });
    slot.release();
    await expect(slot.run(ASK, PATIENT)).rejects.toThrow('released');
  });

  it('of a cancelled call stay taken until its socket is closed', async () => {
    const ollama = await server();
    const { answer, arrived } = hold();
    ollama.answer = answer;
    const upstreams = await start([ollama]);
    const slot = upstreams.take(MODEL)!;
    const cancel = new AbortController();
    const outcome = slot.run(ASK, { ...PATIENT, signal: cancel.signal });
    await arrived;
    const freed = nextFree(upstreams);
    cancel.abort();
    slot.release();
    expect(upstreams.free(MODEL)).toBe(1);
    expect(await outcome).toEqual({ kind: 'cancelled' });
    await freed;
    expect(upstreams.free(MODEL)).toBe(2);
  });

  it('are given at the server that has the model, and none elsewhere while that one is full', async () => {
    const [one, two] = [await server(), await server()];
    two.models = [{ name: 'rare:latest' }];
    const upstreams = await start([one, two]);
    const taken = [upstreams.take('rare'), upstreams.take('rare'), upstreams.take('rare')];
    const host = new URL(two.url).host;
    expect(taken.map((slot) => slot?.upstream)).toEqual([host, host, undefined]);
  });

  it('of a model that nobody has are given anywhere, so that somebody says so', async () => {
    const upstreams = await start([await server(), await server()]);
    expect(upstreams.free('unheard-of')).toBe(4);
  });

  it('are spread over the servers', async () => {
    const upstreams = await start([await server(), await server()]);
    const taken = Array.from({ length: 4 }, () => upstreams.take(MODEL)!.upstream);
    expect(new Set(taken.slice(0, 2)).size).toBe(2);
    expect(upstreams.states().map(({ running }) => running)).toEqual([2, 2]);
  });

  it('go round also when each is released before the next is taken', async () => {
    const upstreams = await start([await server(), await server()]);
    const taken = Array.from({ length: 4 }, () => {
      const slot = upstreams.take(MODEL)!;
      slot.release();
      return slot.upstream;
    });
    expect(taken[0]).not.toBe(taken[1]);
    expect(taken.slice(2)).toEqual(taken.slice(0, 2));
  });
});

describe('a slot for a session', () => {
  const patient = { affinity: 12_345, isPatient: true };

  it('is always one of the same server, and none while that is full, until it does not wait any more', async () => {
    const upstreams = await start([await server(), await server(), await server()]);
    const [first, second] = [upstreams.take(MODEL, patient)!, upstreams.take(MODEL, patient)!];
    expect(second.upstream).toBe(first.upstream);
    expect(upstreams.take(MODEL, patient)).toBeNull();
    expect(upstreams.take(MODEL, { ...patient, isPatient: false })!.upstream).not.toBe(first.upstream);
    first.release();
    expect(upstreams.take(MODEL, patient)!.upstream).toBe(second.upstream);
  });

  it('is one of another server at once when the first one is down', async () => {
    const all = [await server(), await server()];
    const upstreams = await start(all);
    const home = upstreams.take(MODEL, patient)!;
    await all.find(({ url }) => new URL(url).host === home.upstream)!.stop();
    await until(() => upstreams.states().some(({ status }) => status === 'down'));
    expect(upstreams.take(MODEL, patient)!.upstream).not.toBe(home.upstream);
  });

  it('is not the same for all sessions', async () => {
    const upstreams = await start([await server(), await server()]);
    const homes = Array.from({ length: 20 }, (_, affinity) => {
      const slot = upstreams.take(MODEL, { affinity: affinity * 1_000_003, isPatient: true })!;
      slot.release();
      return slot.upstream;
    });
    expect(new Set(homes).size).toBe(2);
  });
});

describe('health', () => {
  it('is nothing to warn of when stopping cuts a probe short', async () => {
    const hung = await server();
    hung.isHung = true;
    const warnings: string[] = [];
    const upstreams = createUpstreams({
      upstreams: [{ url: hung.url, slots: 1 }],
      allowCloudModels: false,
      logger: { ...silentLogger, warn: (_, message) => void warnings.push(message) },
      clock: systemClock,
    });
    const starting = upstreams.start();
    await until(() => hung.sockets.size > 0);
    await upstreams.stop();
    await starting;
    expect([warnings, upstreams.states()[0]?.status]).toEqual([[], 'unknown']);
  });

  it('is known once started, and a server that is down does not keep anybody from starting', async () => {
    const [good, gone] = [await server(), await server()];
    await gone.stop();
    const upstreams = await start([good, gone]);
    expect(upstreams.states()).toMatchObject([
      { status: 'up', version: '0.99.0', models: [MODEL], checkedAt: expect.any(Number) },
      { status: 'down', lastError: 'The upstream refused the connection.', models: [] },
    ]);
    expect(upstreams.free(MODEL)).toBe(2);
  });

  it('is not waited for longer than 2 s', async () => {
    const hung = await server();
    hung.isHung = true;
    const before = Date.now();
    const upstreams = await start([hung]);
    expect(Date.now() - before).toBeLessThan(4_000);
    expect(upstreams.states()[0]?.lastError).toBe('The upstream did not answer in time.');
    expect(upstreams.states()[0]?.status).toBe('down');
  });

  it.each(['<html>Welcome to the router</html>', '{"version":1}', '{"version":"1"}'])(
    'is down when the server answers %s',
    async (body) => {
      const ollama = await server();
      ollama.brokenProbe = body;
      const upstreams = await start([ollama]);
      expect(upstreams.states()[0]).toMatchObject({
        status: 'down',
        lastError: "The answer is not of the shape of Ollama's.",
      });
      expect(upstreams.take(MODEL)).toBeNull();
    },
  );

  it('comes back with the server, and that is told', async () => {
    const ollama = await server();
    ollama.brokenProbe = 'starting';
    const upstreams = await start([ollama]);
    const freed = nextFree(upstreams);
    expect(upstreams.free(MODEL)).toBe(0);
    ollama.brokenProbe = undefined;
    await freed;
    expect(upstreams.states()[0]?.status).toBe('up');
    expect(upstreams.states()[0]?.lastError).toBeUndefined();
    expect(upstreams.free(MODEL)).toBe(2);
  });

  it('is lost at once when a call finds nobody there', async () => {
    const ollama = await server();
    const upstreams = await start([ollama], { probeMs: 3_600_000 });
    const slot = upstreams.take(MODEL)!;
    await ollama.stop();
    // The first may still find the idle connection of the probe, and that cut.
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ code: 'upstream_unreachable' });
    expect(await slot.run(ASK, PATIENT)).toMatchObject({ code: 'upstream_unreachable', phase: 'connect' });
    expect(upstreams.states()[0]).toMatchObject({ status: 'down' });
    expect(upstreams.free(MODEL)).toBe(0);
  });

  it('is looked at anew, but not lost, when the connection of a call breaks later', async () => {
    const ollama = await server();
    ollama.answer = (response) => void response.socket!.destroy();
    const upstreams = await start([ollama], { probeMs: 2_000 });
    const before = upstreams.states()[0]!.checkedAt!;
    expect(await upstreams.take(MODEL)!.run(ASK, PATIENT)).toMatchObject({ phase: 'first_token' });
    expect(upstreams.states()[0]?.status).toBe('up');
    await until(() => upstreams.states()[0]!.checkedAt! > before);
    expect(upstreams.states()[0]!.checkedAt! - before).toBeLessThan(1_500);
  });

  it('is probed again and again, and new models are seen', async () => {
    const ollama = await server();
    const upstreams = await start([ollama]);
    ollama.models = [{ name: 'new:latest' }];
    await until(() => upstreams.states()[0]?.models[0] === 'new:latest');
    expect(upstreams.states()[0]?.status).toBe('up');
  });

  it('is not watched any more once stopped, and can be watched again', async () => {
    const ollama = await server();
    const upstreams = await start([ollama], { probeMs: 5 });
    await upstreams.stop();
    await upstreams.stop();
    expect(upstreams.states()[0]?.status).toBe('unknown');
    expect(ollama.sockets.size === 0 || (await until(() => ollama.sockets.size === 0)) === undefined).toBe(
      true,
    );
    await upstreams.start();
    expect(upstreams.states()[0]?.status).toBe('up');
  });
});

describe('a model of a cloud', () => {
  const refused = { kind: 'failed', code: 'model_not_allowed', retryable: false };

  it('is refused by its name, before anything is sent', async () => {
    const ollama = await server();
    const upstreams = await start([ollama]);
    const model = 'gpt-oss:120b-cloud';
    expect(await upstreams.take(model)!.run({ model, prompt: 'x' }, PATIENT)).toMatchObject(refused);
    expect(ollama.requests).toHaveLength(0);
  });

  it('is refused by its remote host, and a server that has it locally is preferred', async () => {
    const [far, near] = [await server(), await server()];
    far.models = [{ name: 'mine:latest', remote_host: 'https://ollama.example' }];
    near.models = [];
    const upstreams = await start([far, near]);
    for (const slot of [upstreams.take('mine')!, upstreams.take('mine')!])
      expect(await slot.run({ model: 'mine', prompt: 'x' }, PATIENT)).toMatchObject(refused);
    near.models = [{ name: 'mine:latest' }];
    await until(() => upstreams.states()[1]!.models.length === 1);
    const slot = upstreams.take('mine')!;
    expect(await slot.run({ model: 'mine', prompt: 'x' }, PATIENT)).toMatchObject({ kind: 'answered' });
    expect([far.requests.length, near.requests.length]).toEqual([0, 1]);
  });

  it('is called when that is allowed', async () => {
    const ollama = await server();
    ollama.models = [{ name: 'x:cloud', remote_host: 'https://ollama.example' }];
    const upstreams = await start([ollama], { allowCloudModels: true });
    const slot = upstreams.take('x:cloud')!;
    expect(await slot.run({ model: 'x:cloud', prompt: 'x' }, PATIENT)).toMatchObject({ kind: 'answered' });
  });
});
