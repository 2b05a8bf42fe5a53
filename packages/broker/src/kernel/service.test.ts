import { describe, expect, it } from 'vitest';
import { services, type Service } from './service.ts';

/** Services that write down what happens to them; those named in `broken` fail to do it. */
function recorded(names: readonly string[], broken: readonly string[] = []) {
  const said: string[] = [];
  const act = async (what: string): Promise<void> => {
    await Promise.resolve();
    said.push(what);
    if (broken.includes(what)) throw new Error(`cannot ${what}`);
  };
  const list = names.map((name): Service => ({
    name,
    start: () => act(`start ${name}`),
    stop: () => act(`stop ${name}`),
  }));
  return { all: services(list), said };
}

describe('services together', () => {
  it('start in the order given and stop in reverse, one after the other', async () => {
    const { all, said } = recorded(['engines', 'worker', 'http']);
    await all.start();
    await all.stop();
    expect(said).toEqual([
      ...['start engines', 'start worker', 'start http'],
      ...['stop http', 'stop worker', 'stop engines'],
    ]);
  });

  it('stop what already runs, and the one that failed, when a start fails', async () => {
    const { all, said } = recorded(['engines', 'worker', 'http'], ['start worker']);
    await expect(all.start()).rejects.toThrow('cannot start worker');
    expect(said).toEqual(['start engines', 'start worker', 'stop worker', 'stop engines']);
  });

  it('tell why the start failed even when the way back fails too', async () => {
    const { all, said } = recorded(['engines', 'worker'], ['start worker', 'stop worker']);
    await expect(all.start()).rejects.toThrow('cannot start worker');
    expect(said.at(-1)).toBe('stop engines');
  });

  it('are all stopped when one of them cannot, and the first error is told', async () => {
    const { all, said } = recorded(['engines', 'worker', 'http'], ['stop http', 'stop engines']);
    await all.start();
    await expect(all.stop()).rejects.toThrow('cannot stop http');
    expect(said.slice(3)).toEqual(['stop http', 'stop worker', 'stop engines']);
  });

  it('may be stopped twice, and before they start', async () => {
    const { all, said } = recorded(['engines']);
    await all.stop();
    expect(said).toEqual([]);
    await all.start();
    await all.stop();
    await all.stop();
    expect(said).toEqual(['start engines', 'stop engines']);
  });

  it('can be started again', async () => {
    const { all, said } = recorded(['a', 'b']);
    await all.start();
    await all.stop();
    await all.start();
    expect(said.slice(4)).toEqual(['start a', 'start b']);
  });

  it('nest', async () => {
    const inner = recorded(['b', 'c']);
    const outer = services([recorded(['a']).all, inner.all]);
    await outer.start();
    await outer.stop();
    expect(inner.said).toEqual(['start b', 'start c', 'stop c', 'stop b']);
  });
});
