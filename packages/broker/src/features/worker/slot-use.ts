/** How many slots of a model each key has used lately, on the average; no I/O. */

interface Use {
  slotMs: number;
  at: number;
}

/** What was so long ago counts about a third. */
const MEMORY_MS = 10_000;
const MOST_KEYS = 5_000;

export class SlotUse {
  readonly #now: () => number;
  readonly #models = new Map<string, { readonly since: number; readonly keys: Map<string, Use> }>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A row of the key has left its slot after so long. */
  add(model: string, keyId: string, slotMs: number): void {
    const at = this.#now();
    let use = this.#models.get(model);
    if (!use) this.#models.set(model, (use = { since: at - slotMs, keys: new Map() }));
    if (use.keys.size > MOST_KEYS) use.keys.clear();
    const key = use.keys.get(keyId);
    if (!key) return void use.keys.set(keyId, { slotMs, at });
    key.slotMs = key.slotMs * Math.exp((key.at - at) / MEMORY_MS) + slotMs;
    key.at = at;
  }

  /** In slots. */
  of(model: string, keyId: string): number {
    const use = this.#models.get(model);
    const key = use?.keys.get(keyId);
    if (!use || !key) return 0;
    const at = this.#now();
    // The time that is remembered is shorter when nothing was seen before.
    const rememberedMs = MEMORY_MS * (1 - Math.exp((use.since - at) / MEMORY_MS));
    return (key.slotMs * Math.exp((key.at - at) / MEMORY_MS)) / Math.max(rememberedMs, 1);
  }

  /** Of the keys that use most. */
  most(model: string, count: number): Record<string, number> {
    const keys = [...(this.#models.get(model)?.keys.keys() ?? [])];
    const uses = keys.map((keyId) => [keyId, this.of(model, keyId)] as const);
    return Object.fromEntries(uses.sort(([, one], [, other]) => other - one).slice(0, count));
  }
}
