import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import {
  armFailpoints,
  failpoint,
  failpointAction,
  FailpointError,
  FAILPOINTS,
  failpointSync,
} from './failpoints.ts';

afterEach(() => armFailpoints(''));

/** How a process of its own ends that arms `spec` and hits the point given. */
function endOf(spec: string, hit: string) {
  const module = new URL('./failpoints.ts', import.meta.url).href;
  const script = `const { armFailpoints, failpoint, failpointSync } = await import(${JSON.stringify(module)});
    armFailpoints(${JSON.stringify(spec)});
    ${hit}
    process.stdout.write('survived');`;
  const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  return { signal, stdout };
}

describe('a failpoint', () => {
  it('does nothing unless it is armed, and then a million hits cost next to nothing', async () => {
    expect(failpoint('settle.before_write')).toBeUndefined();
    expect(failpointAction('settle.after_write')).toBeUndefined();
    const started = performance.now();
    for (let i = 0; i < 1_000_000; i++) {
      void failpoint('settle.before_write');
      failpointSync('ledger.before_commit');
    }
    expect(performance.now() - started).toBeLessThan(250);
  });

  it('fires at every hit, or at the one that is named only', async () => {
    armFailpoints('accept.after_insert:error; cancel.after_write:error@2');
    for (const _ of [1, 2, 3]) await expect(failpoint('accept.after_insert')).rejects.toThrow(FailpointError);
    await failpoint('cancel.after_write');
    await expect(failpoint('cancel.after_write')).rejects.toThrow('cancel.after_write fired');
    await failpoint('cancel.after_write');
    await failpoint('settle.before_write');
  });

  it('can have several entries, each counting the hits of the point', async () => {
    armFailpoints('lanes.next:error@1;lanes.next:error@3');
    const ends = [];
    for (const _ of [1, 2, 3, 4])
      ends.push(
        await failpoint('lanes.next')!.then(
          () => 'passed',
          () => 'failed',
        ),
      );
    expect(ends).toEqual(['failed', 'passed', 'failed', 'passed']);
  });

  it('tells who armed it before anything happens there', () => {
    const told: unknown[] = [];
    armFailpoints('ledger.before_commit:error@2', (fired) => told.push(fired));
    failpointSync('ledger.before_commit');
    expect(told).toEqual([]);
    expect(() => failpointSync('ledger.before_commit')).toThrow(FailpointError);
    expect(told).toEqual([{ failpoint: 'ledger.before_commit', action: 'error' }]);
  });

  it('throws where nothing can be awaited', () => {
    armFailpoints('ledger.before_commit:error;ledger.after_commit:error');
    expect(() => failpointSync('ledger.before_commit')).toThrow(FailpointError);
    expect(() => failpointAction('ledger.after_commit')).toThrow(FailpointError);
  });

  it('delays: awaited it leaves the event loop alone, otherwise it blocks it', async () => {
    armFailpoints('lease.before_renew:delay(40)');
    let ticked = false;
    setTimeout(() => (ticked = true), 5);
    const started = performance.now();
    await failpoint('lease.before_renew');
    expect(performance.now() - started).toBeGreaterThanOrEqual(39);
    expect(ticked).toBe(true);

    ticked = false;
    setTimeout(() => (ticked = true), 5);
    failpointSync('lease.before_renew');
    expect(ticked).toBe(false);
  });

  it('tells a caller who asks to do its work twice', async () => {
    armFailpoints('settle.after_write:duplicate@2');
    expect([1, 2, 3].map(() => failpointAction('settle.after_write'))).toEqual([
      undefined,
      'duplicate',
      undefined,
    ]);
    armFailpoints('settle.after_write:duplicate');
    expect(await failpoint('settle.after_write')).toBe('duplicate');
    expect(() => failpointSync('settle.after_write')).not.toThrow();
  });

  it('crashes as kill -9 does, at the hit that was named', () => {
    const hits = `await failpoint('ledger.after_commit'); process.stdout.write('1'); await failpoint('ledger.after_commit');`;
    expect(endOf('ledger.after_commit:crash@2', hits)).toEqual({ signal: 'SIGKILL', stdout: '1' });
    expect(endOf('ledger.after_commit:crash', `failpointSync('ledger.after_commit');`).signal).toBe(
      'SIGKILL',
    );
    expect(endOf('ledger.after_commit:crash@3', hits)).toEqual({ signal: null, stdout: '1survived' });
  });
});

describe('arming', () => {
  it('replaces what was armed before and counts from zero', async () => {
    armFailpoints('lanes.next:error@2');
    await failpoint('lanes.next');
    armFailpoints('lanes.next:error@2');
    await failpoint('lanes.next');
    await expect(failpoint('lanes.next')).rejects.toThrow();
    armFailpoints('');
    expect(failpoint('lanes.next')).toBeUndefined();
  });

  it.each([
    ['nowhere:crash', 'there is no point "nowhere"'],
    ['lanes.next', 'is not point:action'],
    ['lanes.next:explode', 'has none of the actions'],
    ['lanes.next:delay', 'has none of the actions'],
    ['lanes.next:crash(5)', 'has none of the actions'],
    ['lanes.next:crash@0', 'is not point:action'],
    ['toString:crash', 'there is no point "toString"'],
  ])('refuses %s and says why, with nothing changed', async (spec, reason) => {
    armFailpoints('lanes.next:error');
    expect(() => armFailpoints(`settle.retry:crash;${spec}`)).toThrow(reason);
    await expect(failpoint('lanes.next')).rejects.toThrow();
    expect(failpoint('settle.retry')).toBeDefined();
    await failpoint('settle.retry');
  });

  it('says everything that is wrong at once', () => {
    expect(() => armFailpoints('a:crash;b:crash')).toThrow(/no point "a".*no point "b"/);
  });
});

describe('the table of points', () => {
  it('has a name of room.place and one sentence for each', () => {
    for (const [name, sentence] of Object.entries(FAILPOINTS)) {
      expect(name).toMatch(/^[a-z_]+\.[a-z_]+$/);
      expect(sentence, name).toMatch(/^[A-Z].*\.$/);
    }
    expect(Object.keys(FAILPOINTS).length).toBeGreaterThanOrEqual(40);
  });
});
