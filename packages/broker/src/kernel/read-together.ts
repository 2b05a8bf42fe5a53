/** Reads by id that are asked for in one turn of the event loop, as one read. */
import { apart } from './written-together.ts';

/** `read` gives what it finds for the ids, by id; what it does not is null. When it fails, all who asked are told. */
export function readTogether<Value>(
  read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  most = 200,
): (id: string) => Promise<Value | null> {
  let waiting = new Map<string, PromiseWithResolvers<Value | null>>();

  async function readThese(ids: readonly string[], asked: typeof waiting): Promise<void> {
    try {
      const found = await read(ids);
      for (const id of ids) asked.get(id)!.resolve(found.get(id) ?? null);
    } catch (error) {
      for (const id of ids) asked.get(id)!.reject(error);
    }
  }

  function readAll(): void {
    const asked = waiting;
    waiting = new Map();
    const ids = [...asked.keys()];
    for (let from = 0; from < ids.length; from += most) void readThese(ids.slice(from, from + most), asked);
  }

  return (id) => {
    const others = waiting.get(id);
    if (others) return others.promise;
    if (waiting.size === 0) apart(() => void setImmediate(readAll));
    const asked = Promise.withResolvers<Value | null>();
    waiting.set(id, asked);
    return asked.promise;
  };
}
