import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { startSimulatedOllama } from '../../../../cli/src/simulate-ollama/simulate-ollama.ts';
import { hostOf, roomOf, stopping } from './testing/rig.ts';
import type { Json, ManagementFailure, ModelManagement } from './upstreams.ts';

type Order = Omit<Parameters<ModelManagement['run']>[0], 'signal'>;

async function two(models = [[{ name: 'a' }], [{ name: 'a' }, { name: 'b' }]]) {
  const [first, second] = await Promise.all(
    models.map((list) => stopping(startSimulatedOllama({ models: list }))),
  );
  const room = await roomOf([first!, second!], { probeMs: 60_000 });
  const { signal } = new AbortController();
  const run = async (order: Order) => {
    const lines: Json[] = [];
    const all = room.management.run({ signal, ...order });
    for (;;) {
      const { value, done } = await all.next();
      if (done) return { lines, failure: value as ManagementFailure | null };
      lines.push(value as Json);
    }
  };
  return { first: first!, second: second!, room, run, signal };
}

const names = (room: Awaited<ReturnType<typeof two>>['room']): string[][] =>
  room.known().map(({ installed }) => installed.map(({ name }) => name));

describe('changing which models the upstreams have', () => {
  it('is done at each of them, one after the other, and seen at once', async () => {
    const { first, second, room, run } = await two();
    const { lines, failure } = await run({ action: 'pull', body: { model: 'c' } });
    expect(failure).toBeNull();
    expect(lines.filter(({ status }) => String(status).startsWith('upstream'))).toEqual([
      { status: `upstream ${hostOf(first)}` },
      { status: `upstream ${hostOf(second)}` },
    ]);
    // Clients stop listening at the first success.
    expect(lines.findIndex(({ status }) => status === 'success')).toBe(lines.length - 1);
    expect(names(room).every((list) => list.includes('c:latest'))).toBe(true);
    // One at each, until it is loaded there.
    expect(room.free('c')).toBe(2);
  });

  it('is done where the model is, or where a header says', async () => {
    const { first, second, room, run } = await two();
    await run({ action: 'copy', body: { source: 'b', destination: 'd' } });
    await run({ action: 'pull', body: { model: 'e' }, upstream: hostOf(first) });
    await run({ action: 'delete', body: { model: 'a' } });
    expect(names(room)).toEqual([['e:latest'], ['b:latest', 'd:latest']]);
    expect(second.state().counters.managementCalls).toBe(2);
    await expect(run({ action: 'delete', body: { model: 'a' } })).rejects.toMatchObject({ status: 404 });
    await expect(run({ action: 'pull', body: { model: 'f' }, upstream: 'no:1' })).rejects.toMatchObject({
      status: 404,
    });
  });

  it('that fails at one is done at the others, and says where it failed', async () => {
    const { first, second, run } = await two();
    const failed = await run({ action: 'pull', body: { model: 'none' } });
    expect(failed.failure).toEqual({
      message: [first, second]
        .map((one) => `${hostOf(one)}: pull model manifest: file does not exist`)
        .join('; '),
      status: null,
    });
    expect(failed.lines.some(({ status }) => status === 'success')).toBe(false);
    const alone = await run({ action: 'create', body: { model: '', from: 'b' } });
    expect(alone.failure).toEqual({ message: 'invalid model name', status: 400 });
  });

  it('lets no model in that others would run', async () => {
    const far = { name: 'far', remoteHost: 'https://far.example' };
    const { run, room } = await two([[far], []]);
    for (const order of [
      { action: 'pull', body: { model: 'gpt-oss:120b-cloud' } },
      { action: 'copy', body: { source: 'far', destination: 'near' } },
      { action: 'create', body: { model: 'near', remote_host: 'https://far.example' } },
    ] as const)
      await expect(run(order)).rejects.toMatchObject({ code: 'model_not_allowed' });
    await run({ action: 'delete', body: { model: 'far' } });
    expect(names(room)).toEqual([[], []]);
  });

  it('needs one that answers', async () => {
    const { first, second, run } = await two();
    first.control({ down: true });
    await run({ action: 'pull', body: { model: 'c' } });
    second.control({ down: true });
    await expect(run({ action: 'pull', body: { model: 'd' } })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('uploads what a model is made of to all of them', async () => {
    const { room, signal } = await two();
    const bytes = Buffer.alloc(3_000_000, 7);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const pieces = () => Readable.from([bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)]);
    expect(await room.management.hasBlob(digest, { signal })).toBe(false);
    expect(await room.management.putBlob(digest, pieces(), { signal })).toBeNull();
    expect(await room.management.hasBlob(digest, { signal })).toBe(true);
    expect(await room.management.putBlob(`sha256:${'0'.repeat(64)}`, pieces(), { signal })).toMatchObject({
      status: 400,
      message: expect.stringContaining('digest mismatch'),
    });
  });
});
