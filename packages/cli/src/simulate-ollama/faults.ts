/** The ways in which a simulated call can go wrong, and which call does. */
import { markersIn } from './answers.ts';
import { seededRandom } from './seeded-random.ts';

/** Every fault with what the caller sees. In a prompt: `[[fault:name]]`. */
export const FAULTS = {
  error_500: 'Status 500: the model runner has unexpectedly stopped.',
  error_500_running: 'Status 500: an error was encountered while running the model.',
  error_500_load: 'Status 500: the model did not start in time.',
  error_503: 'Status 503: maximum pending requests exceeded; two spaces in the text, no Retry-After.',
  error_404: 'Status 404: the model is not found, in the words of the route.',
  error_400_context: 'Status 400: the prompt (embeddings: the input) is longer than the context.',
  mid_stream_error:
    'Half the answer, then an error line inside the 200, then the end; unstreamed: status 500.',
  no_done:
    'Half the answer, then the end of the stream without done:true; unstreamed: half, with done:false.',
  done_false: 'The whole answer and status 200, but done stays false.',
  hang_headers: 'No byte is ever sent and the slot stays taken until the caller leaves; `/` stays healthy.',
  hang_mid_stream:
    'Half the answer, then silence with the slot taken until the caller leaves; unstreamed: as hang_headers.',
  slow_tokens: 'Every token takes slowTokenMs.',
  garbage_line: 'A malformed JSON line in the middle of the stream; unstreamed: a body cut short.',
  html: 'Status 200 with an HTML page, as a proxy in between would answer.',
  reset: 'The socket is destroyed after half of the answer.',
  split_utf8: 'Lines and multi-byte characters are cut across TCP chunks; the answer itself is whole.',
  empty_content_with_thinking: 'The model thinks, says nothing and is done.',
  too_large: 'The answer is tooLargeBytes of text in pieces of 1 MiB.',
  long_line: 'One line of 10 MiB without an end.',
  binary: 'Status 200 with random bytes, none of them a line end.',
  invalid_utf8: 'In the middle of the answer stand bytes that are not UTF-8.',
  error_200: 'Status 200 whose first and only line is {"error": …}.',
  wrong_type: 'The whole answer, called text/html.',
  duplicate_done: 'The last line comes twice, and another piece of text after it; unstreamed: as usual.',
  negative_counters: 'The whole answer; its counters and durations are negative.',
  error_429: 'Status 429 with Retry-After: 1 and no JSON, as something in front of a server answers.',
} as const;

export type FaultName = keyof typeof FAULTS;

/** What is given replaces what was there; what is left out stays. */
export interface FaultPatch {
  /** For the next calls, in order; `times` is 1 unless given. */
  next?: readonly { fault: FaultName; times?: number }[];
  /** For every call that no other rule reaches; null for none. */
  all?: FaultName | null;
  /** Chance of each, 0 to 1, drawn from the simulation's seed; together at most 1. */
  probability?: Partial<Record<FaultName, number>>;
}

export interface Faults {
  apply(patch: FaultPatch): void;
  /** The fault of one call: its own marker, else the next in line, else by chance, else the one for all. */
  choose(text: string): FaultName | undefined;
  view(): Required<FaultPatch>;
  /** The chance starts again from this seed. */
  reseed(seed: number): void;
}

export function isFaultName(name: unknown): name is FaultName {
  return typeof name === 'string' && Object.hasOwn(FAULTS, name);
}

export function createFaults(seed: number): Faults {
  let random = seededRandom(seed);
  let next: { fault: FaultName; times: number }[] = [];
  let all: FaultName | null = null;
  let probability: Partial<Record<FaultName, number>> = {};

  function takeNext(): FaultName | undefined {
    const first = next[0];
    if (!first) return undefined;
    first.times -= 1;
    if (first.times <= 0) next.shift();
    return first.fault;
  }

  function draw(): FaultName | undefined {
    const chances = Object.entries(probability) as [FaultName, number][];
    if (chances.length === 0) return undefined;
    let left = random();
    for (const [fault, chance] of chances) {
      if (left < chance) return fault;
      left -= chance;
    }
    return undefined;
  }

  return {
    apply: (patch) => {
      if (patch.next) next = patch.next.map(({ fault, times = 1 }) => ({ fault, times }));
      if (patch.all !== undefined) all = patch.all;
      if (patch.probability) probability = { ...patch.probability };
    },
    choose: (text) => markersIn(text, 'fault').find(isFaultName) ?? takeNext() ?? draw() ?? all ?? undefined,
    view: () => ({ next: next.map((entry) => ({ ...entry })), all, probability: { ...probability } }),
    reseed: (newSeed) => {
      random = seededRandom(newSeed);
    },
  };
}
