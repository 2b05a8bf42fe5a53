/** Passwords as argon2id hashes. Each takes 64 MiB, so no more than two are made at a time. */
import { hash, verify } from '@node-rs/argon2';
import { fail } from '../../kernel/errors.ts';

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for somebody who does not exist (null) as for others. */
  check(stored: string | null, password: string): Promise<{ isRight: boolean; isOutdated: boolean }>;
}

const COST = { memoryCost: 65_536, timeCost: 3, parallelism: 1 };
const PREFIX = '$argon2id$v=19$m=65536,t=3,p=1$';
/** Of a password that nobody knows. */
const NOBODY = `${PREFIX}LsrxJWciKH/HnDEzWcfTrA$VsfB78kWhS3wEgKg8eQqJyVlACtBbF0kQnjXl4F05kY`;
const AT_A_TIME = 2;
const MOST_WAITING = 100;
const RETRY_S = 2;

export function createPasswords(): Passwords {
  const inTurn = turns(AT_A_TIME);
  return {
    hash: (password) => inTurn(() => hash(normal(password), COST)),
    check: async (stored, password) => {
      const isRight = await inTurn(() => verify(stored ?? NOBODY, normal(password)));
      return { isRight: isRight && stored !== null, isOutdated: stored?.startsWith(PREFIX) === false };
    },
  };
}

/** The same letters typed on another keyboard are the same password. */
function normal(password: string): string {
  return password.normalize('NFKC');
}

/** Work beyond this many waits; when too much waits, more is refused rather than let the memory fill. */
function turns(atATime: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atATime) {
      if (waiting.length >= MOST_WAITING)
        throw fail('unavailable', { detail: 'Too many sign in at once.', retryAfter: RETRY_S });
      await new Promise<void>((go) => waiting.push(go));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
