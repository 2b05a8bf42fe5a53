/** What every adapter of the active lanes has to do; each adapter's test runs it. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { armFailpoints } from '../../kernel/failpoints.ts';
import type { ActiveLanes, Lane, Token } from './active-lanes.ts';

/** One fresh store and two brokers on it. */
export interface ActiveLanesUnderTest {
  readonly here: ActiveLanes;
  readonly there: ActiveLanes;
  /** Lets the shortest time pass that makes a difference to the order of a line. */
  tick(): Promise<void>;
  /** Lets the visibility timeout of all that is held now pass. */
  expire(): Promise<void>;
  /** What a crash between marking a lane and sending its token leaves behind. */
  loseToken(lane: Lane): Promise<void>;
}

const lane = (id: number, list = 'a'): Lane => ({ id, list });
const lanes = (count: number, list = 'a'): Lane[] =>
  Array.from({ length: count }, (_, i) => lane(i + 1, list));
const ids = (tokens: readonly Token[]): number[] => tokens.map((token) => token.lane.id);
const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

type Make = () => Promise<ActiveLanesUnderTest>;

export function describeActiveLanes(name: string, make: Make, propertyRuns: number): void {
  describe(`active lanes: ${name}`, () => {
    const opened: ActiveLanesUnderTest[] = [];
    const open = async () => {
      const store = await make();
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      armFailpoints('');
      for (const store of opened.splice(0)) await Promise.all([store.here.close(), store.there.close()]);
    });

    describeTheLine(open);
    describeHolding(open);
    describeLosses(open);
    describeTwoBrokers(open);
    it('any sequence of calls leaves one holder per token and a token for each lane with work', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
          await obeysTheModel(await open(), commands);
        }),
        { numRuns: propertyRuns },
      );
    }, 60_000);
  });
}

function describeTheLine(open: Make): void {
  it('lanes are taken in the order in which they became active', async () => {
    const { here, tick } = await open();
    for (const id of [3, 1, 2]) {
      await here.activate([lane(id)]);
      await tick();
    }
    expect(ids(await here.next('a', 2))).toEqual([3, 1]);
    expect(ids(await here.next('a', 2))).toEqual([2]);
    expect(await here.next('a', 2)).toEqual([]);
  });

  it('a lane that is activated and given back twice at a time has one token', async () => {
    const { here, tick } = await open();
    armFailpoints('lanes.activate:duplicate;lanes.give_back:duplicate');
    await here.activate(lanes(2));
    const tokens = await here.next('a', 9);
    expect(sorted(ids(tokens))).toEqual([1, 2]);
    await here.giveBack(tokens);
    await tick();
    expect(sorted(ids(await here.next('a', 9)))).toEqual([1, 2]);
  });

  it('a token says which lane it is for', async () => {
    const { here } = await open();
    await here.activate([lane(2 ** 40, 'b')]);
    const [token] = await here.next('b', 1);
    expect(token?.lane).toEqual({ id: 2 ** 40, list: 'b' });
  });

  it('a lane activated twice, also within one call, has one token', async () => {
    const { here, there } = await open();
    await here.activate([lane(1), lane(1)]);
    await there.activate([lane(1)]);
    expect(ids(await here.next('a', 9))).toEqual([1]);
    await here.activate([lane(1)]);
    expect(await here.next('a', 9)).toEqual([]);
  });

  it('lists do not mix, though a lane may carry the same number in each', async () => {
    const { here } = await open();
    await here.activate([lane(1, 'a'), lane(1, 'b'), lane(2, 'b')]);
    expect(ids(await here.next('a', 9))).toEqual([1]);
    expect(sorted(ids(await here.next('b', 9)))).toEqual([1, 2]);
    expect(await here.next('never-seen', 9)).toEqual([]);
  });

  it('no more tokens are taken than were asked for', async () => {
    const { here } = await open();
    await here.activate(lanes(5));
    expect(await here.next('a', 0)).toEqual([]);
    expect(await here.next('a', 3)).toHaveLength(3);
    expect(await here.next('a', 3)).toHaveLength(2);
  });

  it('a token given back stands at the end of the line', async () => {
    const { here, tick } = await open();
    for (const id of [1, 2, 3]) {
      await here.activate([lane(id)]);
      await tick();
    }
    for (const expected of [1, 2, 3, 1, 2, 3]) {
      const tokens = await here.next('a', 1);
      expect(ids(tokens)).toEqual([expected]);
      await tick();
      await here.giveBack(tokens);
    }
  });
}

function describeHolding(open: Make): void {
  it('what one holds, nobody else can take', async () => {
    const { here, there } = await open();
    await here.activate(lanes(3));
    await here.next('a', 2);
    expect(await there.next('a', 9)).toHaveLength(1);
    expect(await there.next('a', 9)).toEqual([]);
  });

  it('what is not renewed can be taken again after the visibility timeout, and the late holder has no say', async () => {
    const { here, there, expire } = await open();
    await here.activate([lane(1)]);
    const late = await here.next('a', 1);
    await expire();
    const held = await there.next('a', 1);
    expect(ids(held)).toEqual([1]);

    expect(await here.renew(late)).toEqual([]);
    await here.giveBack(late);
    await here.retire(late);
    expect(await here.next('a', 9)).toEqual([]);
    await there.giveBack(held);
    expect(ids(await here.next('a', 9))).toEqual([1]);
  });

  it('an expired token that nobody took can still be renewed', async () => {
    const { here, there, expire } = await open();
    await here.activate([lane(1)]);
    const held = await here.next('a', 1);
    await expire();
    expect(await here.renew(held)).toEqual(held);
    expect(await there.next('a', 1)).toEqual([]);
  });

  it('renewing keeps only what is still ours', async () => {
    const { here } = await open();
    await here.activate(lanes(3));
    const held = await here.next('a', 3);
    await here.giveBack(held.slice(0, 1));
    await here.retire(held.slice(1, 2));
    expect(await here.renew(held)).toEqual(held.slice(2));
  });

  it('giving back twice gives back once', async () => {
    const { here, there } = await open();
    await here.activate([lane(1)]);
    const held = await here.next('a', 1);
    await here.giveBack(held);
    await there.next('a', 1);
    await here.giveBack(held);
    expect(await here.next('a', 1)).toEqual([]);
  });

  it('a retired lane is gone until it is activated, which gives it a token again', async () => {
    const { here } = await open();
    await here.activate(lanes(2));
    const held = await here.next('a', 2);
    await here.retire(held);
    expect(await here.next('a', 9)).toEqual([]);
    await here.activate(lanes(2));
    expect(sorted(ids(await here.next('a', 9)))).toEqual([1, 2]);
  });

  it('calls about nothing do nothing', async () => {
    const { here } = await open();
    await here.activate([]);
    await here.giveBack([]);
    await here.retire([]);
    expect(await here.renew([])).toEqual([]);
    expect(await here.repair([])).toBe(0);
  });
}

function describeLosses(open: Make): void {
  it('a lost token is sent again, once, and only to the lanes that have none', async () => {
    const { here, there, loseToken } = await open();
    await here.activate(lanes(5));
    const [held] = await here.next('a', 1);
    const lost = lanes(5)
      .filter(({ id }) => id !== held!.lane.id)
      .slice(0, 2);
    for (const one of lost) await loseToken(one);

    expect(await here.repair(lanes(5))).toBe(2);
    expect(await there.repair(lanes(5))).toBe(0);
    const taken = ids(await there.next('a', 9));
    expect(sorted([...taken, held!.lane.id])).toEqual([1, 2, 3, 4, 5]);
  });

  it('repair also activates a lane that was never marked', async () => {
    const { here } = await open();
    expect(await here.repair([lane(1), lane(1), lane(2, 'b')])).toBe(2);
    expect(ids(await here.next('a', 9))).toEqual([1]);
    expect(ids(await here.next('b', 9))).toEqual([2]);
  });
}

function describeTwoBrokers(open: Make): void {
  it('500 lanes activated by two brokers at once have one token each', async () => {
    const { here, there } = await open();
    const all = lanes(500);
    await Promise.all([
      here.activate(all),
      there.activate([...all].reverse()),
      here.activate(all.slice(0, 99)),
    ]);
    const taken = await Promise.all([here.next('a', 300), there.next('a', 300), here.next('a', 300)]);
    expect(sorted(ids(taken.flat()))).toEqual(all.map(({ id }) => id));
  });

  it('those who watch hear of lanes activated and given back by the other broker, until they stop', async () => {
    const { here, there } = await open();
    const heard: string[] = [];
    const stop = here.watch((list) => heard.push(list));
    let id = 0;
    await vi.waitFor(async () => {
      await there.activate([lane(++id, 'first')]);
      expect(heard).toContain('first');
    });
    const held = await there.next('first', 1);
    heard.length = 0;
    await there.giveBack(held);
    await vi.waitFor(() => expect(heard).toEqual(['first']));

    const others: string[] = [];
    here.watch((list) => others.push(list));
    stop();
    await vi.waitFor(async () => {
      await there.activate([lane(++id, 'second')]);
      expect(others).toContain('second');
    });
    expect(heard).toEqual(['first']);
  });
}

type Command =
  | { readonly kind: 'activate' | 'lose'; readonly id: number; readonly byHere: boolean }
  | { readonly kind: 'next'; readonly max: number; readonly byHere: boolean }
  | { readonly kind: 'renew' | 'giveBack' | 'retire'; readonly pick: number; readonly byHere: boolean }
  | { readonly kind: 'expire' };

const byHere = fc.boolean();
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('activate', 'activate', 'lose'),
    id: fc.integer({ min: 1, max: 5 }),
    byHere,
  }),
  fc.record({ kind: fc.constant('next'), max: fc.integer({ min: 1, max: 3 }), byHere }),
  fc.record({ kind: fc.constantFrom('renew', 'giveBack', 'retire'), pick: fc.nat(), byHere }),
  fc.record({ kind: fc.constant('expire') }),
);

/** What the line should be: each active lane, with the token that last took it and whether it can be taken. */
type Model = Map<number, { holder: Token | undefined; canBeTaken: boolean }>;

async function obeysTheModel(store: ActiveLanesUnderTest, commands: readonly Command[]): Promise<void> {
  const model: Model = new Map();
  const everTaken: Token[] = [];
  for (const step of commands) {
    if (step.kind === 'expire') {
      await store.expire();
      for (const state of model.values()) state.canBeTaken = true;
    } else if (step.kind === 'next') {
      await takeAndCompare(step.byHere ? store.here : store.there, step.max, model, everTaken);
    } else if ('id' in step) {
      await activateOrLose(store, step, model);
    } else if (everTaken.length > 0) {
      const token = everTaken[step.pick % everTaken.length]!;
      await changeAndCompare(step.byHere ? store.here : store.there, step.kind, token, model);
    }
  }
  await store.expire();
  expect(await store.here.repair([...model.keys()].map((id) => lane(id)))).toBe(0);
  expect(sorted(ids(await store.here.next('a', 99)))).toEqual(sorted([...model.keys()]));
}

async function activateOrLose(
  store: ActiveLanesUnderTest,
  { kind, id, byHere }: { kind: 'activate' | 'lose'; id: number; byHere: boolean },
  model: Model,
): Promise<void> {
  const broker = byHere ? store.here : store.there;
  if (kind === 'activate') {
    await broker.activate([lane(id)]);
    if (!model.has(id)) model.set(id, { holder: undefined, canBeTaken: true });
  } else if (model.has(id)) {
    await store.loseToken(lane(id));
    expect(await broker.repair([...model.keys()].map((each) => lane(each)))).toBe(1);
    model.set(id, { holder: undefined, canBeTaken: true });
  }
}

async function takeAndCompare(
  broker: ActiveLanes,
  max: number,
  model: Model,
  everTaken: Token[],
): Promise<void> {
  const canBeTaken = [...model.values()].filter((state) => state.canBeTaken).length;
  const tokens = await broker.next('a', max);
  expect(tokens).toHaveLength(Math.min(max, canBeTaken));
  for (const token of tokens) {
    const state = model.get(token.lane.id);
    expect(state?.canBeTaken).toBe(true);
    model.set(token.lane.id, { holder: token, canBeTaken: false });
    everTaken.push(token);
  }
}

async function changeAndCompare(
  broker: ActiveLanes,
  kind: 'renew' | 'giveBack' | 'retire',
  token: Token,
  model: Model,
): Promise<void> {
  const state = model.get(token.lane.id);
  const isOurs = state?.holder === token;
  if (kind === 'renew') expect(await broker.renew([token])).toEqual(isOurs ? [token] : []);
  else await broker[kind]([token]);
  if (!isOurs) return;
  if (kind === 'retire') model.delete(token.lane.id);
  else if (kind === 'renew') state.canBeTaken = false;
  else model.set(token.lane.id, { holder: undefined, canBeTaken: true });
}
