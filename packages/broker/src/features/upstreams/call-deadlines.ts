/** The deadlines of one call, watched by one timer: that of the phase it is in, and that of the whole. */

/** So often they are looked at anyway: most calls set one timer for all their phases, and long ones hardly notice. */
const LOOK_EVERY_MS = 1_000;

/** A class because one is made for every call. */
export class CallDeadlines {
  readonly #onLate: (isTotal: boolean) => void;
  readonly #totalAt: number;
  #phaseAt = Number.POSITIVE_INFINITY;
  /** When the timer fires. */
  #lookAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `onLate` is called when a phase, or else the whole, has lasted too long; it calls `stop`, or begins another phase. */
  constructor(totalMs: number, onLate: (isTotal: boolean) => void) {
    this.#onLate = onLate;
    this.#totalAt = performance.now() + totalMs;
  }

  /** A phase begins, or begins anew. */
  begin(phaseMs: number): void {
    const now = performance.now();
    this.#phaseAt = now + phaseMs;
    this.#watch(now);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** A timer that fires too early is left as it is: it will be set anew then. */
  #watch(now: number): void {
    const lookAt = Math.min(this.#phaseAt, this.#totalAt, now + LOOK_EVERY_MS);
    if (this.#lookAt <= lookAt) return;
    clearTimeout(this.#timer);
    this.#lookAt = lookAt;
    this.#timer = setTimeout(() => this.#look(), lookAt - now);
  }

  #look(): void {
    const now = performance.now();
    this.#lookAt = Number.POSITIVE_INFINITY;
    if (now < this.#phaseAt && now < this.#totalAt) this.#watch(now);
    else this.#onLate(this.#totalAt < this.#phaseAt);
  }
}
