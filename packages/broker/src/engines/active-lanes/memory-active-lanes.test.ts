import { describe, expect, it, onTestFinished } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import { describeActiveLanes } from './active-lanes.conformance.ts';
import { memoryActiveLanes, memoryLaneStore } from './memory-active-lanes.ts';

function twoBrokers() {
  const store = memoryLaneStore();
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs };
  return {
    store,
    clock,
    here: memoryActiveLanes({ store, clock }),
    there: memoryActiveLanes({ store, clock }),
    pass: (ms: number) => void (nowMs += ms),
  };
}

describeActiveLanes(
  'memory',
  async () => {
    const { store, here, there, pass } = twoBrokers();
    return {
      here,
      there,
      tick: async () => pass(1),
      expire: async () => pass(3000),
      loseToken: async (lane) => {
        const line = store.lines.get(lane.list)!;
        const place = line.places.get(lane.id)!;
        place.chain?.remove(place);
        line.places.delete(lane.id);
      },
    };
  },
  300,
);

describe('active lanes in memory', () => {
  it('a token expires after exactly 3 s, counted from the last renewal', async () => {
    const { here, there, pass } = twoBrokers();
    await here.activate([{ id: 1, list: 'a' }]);
    const held = await here.next('a', 1);
    pass(2000);
    await here.renew(held);
    pass(2999);
    expect(await there.next('a', 1)).toEqual([]);
    pass(1);
    expect(await there.next('a', 1)).toHaveLength(1);
  });

  it('an expired token stands before the lanes that became active later', async () => {
    const { here, pass } = twoBrokers();
    await here.activate([{ id: 1, list: 'a' }]);
    await here.next('a', 1);
    pass(5000);
    await here.activate([{ id: 2, list: 'a' }]);
    const tokens = await here.next('a', 2);
    expect(tokens.map((token) => token.lane.id)).toEqual([1, 2]);
  });

  it('a list without active lanes takes no room', async () => {
    const { store, here } = twoBrokers();
    await here.activate([{ id: 1, list: 'a' }]);
    expect(store.lines.size).toBe(1);
    await here.retire(await here.next('a', 1));
    expect(store.lines.size).toBe(0);
  });

  it('close ends the watching of that broker only', async () => {
    const { here, there } = twoBrokers();
    const heard: string[] = [];
    here.watch(() => heard.push('here'));
    there.watch(() => heard.push('there'));
    await here.close();
    await there.activate([{ id: 1, list: 'a' }]);
    expect(heard).toEqual(['there']);
  });

  it('a call that breaks has changed nothing, and may be made again', async () => {
    onTestFinished(() => armFailpoints(''));
    const { here } = twoBrokers();
    const lane = { id: 1, list: 'a' };
    armFailpoints('lanes.activate:error@1;lanes.next:error@1;lanes.give_back:error@1');
    await expect(here.activate([lane])).rejects.toThrow('fired');
    await here.activate([lane]);
    await expect(here.next('a', 1)).rejects.toThrow('fired');
    const tokens = await here.next('a', 1);
    await expect(here.giveBack(tokens)).rejects.toThrow('fired');
    expect(await here.renew(tokens)).toEqual(tokens);
    await here.giveBack(tokens);
    expect((await here.next('a', 1)).map((token) => token.lane)).toEqual([lane]);
  });
});
