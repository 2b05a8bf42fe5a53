import { expect, it } from 'vitest';
import { newId } from '../../kernel/ids.ts';
import { rememberedEndpoints } from './remembered-endpoints.ts';
import { describeWithWebhooks } from './testing/webhook-bench.ts';
import { webhookStore, type EndpointStore, type StoredEndpoint } from './webhook-store.ts';

function anEndpoint(keyId: string): StoredEndpoint {
  return {
    ...{ id: newId('whk'), keyId, host: 'a.example', events: null, subscribedAt: 1, status: 'enabled' },
    ...{ disabledReason: null, disabledAt: null, failingSince: null, createdAt: 1, updatedAt: 1 },
    ...{ url: Buffer.from('url'), secrets: Buffer.from('secrets') },
  };
}

describeWithWebhooks('remembered endpoints', (bench) => {
  const open = (through = (store: EndpointStore): EndpointStore => store) => {
    const clock = { nowMs: 1_000, now: () => clock.nowMs };
    const store = webhookStore(bench().stores).endpoints;
    const remembered = rememberedEndpoints(through(store), clock);
    const idsOf = async (...keyIds: string[]) =>
      [...(await remembered.ofKeys(keyIds)).values()].map((some) => some.map(({ id }) => id));
    return { clock, store, remembered, idsOf };
  };

  it('are those of each key asked for, also where there are none', async () => {
    const { store, idsOf } = open();
    const [one, two, none] = [newId('key'), newId('key'), newId('key')];
    const made = [anEndpoint(one), anEndpoint(one), anEndpoint(two)];
    for (const endpoint of made) await store.insert(endpoint);
    const ids = made.map(({ id }) => id);
    expect(await idsOf(one)).toEqual([ids.slice(0, 2)]);
    expect((await idsOf(one, two, none)).map((some) => some.length)).toEqual([2, 1, 0]);
  });

  it('are a second old at most, and new at once when this broker changed them', async () => {
    const { store, clock, remembered, idsOf } = open();
    const keyId = newId('key');
    expect(await idsOf(keyId)).toEqual([[]]);
    const first = anEndpoint(keyId);
    await store.insert(first);
    expect(await idsOf(keyId)).toEqual([[]]);
    clock.nowMs += 1_000;
    expect(await idsOf(keyId)).toEqual([[first.id]]);
    const second = anEndpoint(keyId);
    await store.insert(second);
    remembered.forget(keyId);
    expect(await idsOf(keyId)).toEqual([[first.id, second.id]]);
  });

  it('are one read a second for all keys that are in use', async () => {
    const asked: (readonly string[])[] = [];
    const { store, clock, idsOf } = open((real) => ({
      ...real,
      ofKeys: (keyIds) => {
        asked.push(keyIds);
        return real.ofKeys(keyIds);
      },
    }));
    const [idle, ...inUse] = Array.from({ length: 5 }, () => newId('key'));
    await idsOf(idle!, ...inUse);
    clock.nowMs += 1_000;
    for (const keyId of inUse) await idsOf(keyId);
    const made = anEndpoint(inUse[3]!);
    await store.insert(made);
    clock.nowMs += 1_000;
    for (const keyId of inUse) expect(await idsOf(keyId)).toEqual([keyId === made.keyId ? [made.id] : []]);
    expect(asked).toHaveLength(3);
    expect(asked[2]).not.toContain(idle);
    expect(new Set(asked[2])).toEqual(new Set(inUse));
  });

  it('that change while they are read are read again', async () => {
    const keyId = newId('key');
    const late = anEndpoint(keyId);
    let changed = (): void => undefined;
    let isFirst = true;
    const { idsOf, remembered } = open((store) => ({
      ...store,
      ofKeys: async (keyIds) => {
        const read = await store.ofKeys(keyIds);
        if (isFirst) await store.insert(late);
        if (isFirst) changed();
        isFirst = false;
        return read;
      },
    }));
    changed = () => remembered.forget(keyId);
    expect(await idsOf(keyId)).toEqual([[]]);
    expect(await idsOf(keyId)).toEqual([[late.id]]);
  });
});
