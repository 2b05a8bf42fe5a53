import { describe, expect, it } from 'vitest';
import { hash } from '@node-rs/argon2';
import { createPasswords } from './passwords.ts';

const passwords = createPasswords();

describe('a hashed password', () => {
  it('is argon2id of 64 MiB in three rounds, new each time', async () => {
    const [one, two] = [await passwords.hash('same words'), await passwords.hash('same words')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
    expect(one).not.toBe(two);
    expect(await passwords.check(one, 'same words')).toEqual({ isRight: true, isOutdated: false });
    expect(await passwords.check(one, 'other words')).toEqual({ isRight: false, isOutdated: false });
  });

  it('is the same however the keyboard composes its letters', async () => {
    const stored = await passwords.hash('caf\u00e9 com leite');
    expect((await passwords.check(stored, 'cafe\u0301 com leite')).isRight).toBe(true);
  });

  it('of cheaper times is right and told to be made anew', async () => {
    const old = await hash('same words', { memoryCost: 8192, timeCost: 1, parallelism: 1 });
    expect(await passwords.check(old, 'same words')).toEqual({ isRight: true, isOutdated: true });
  });

  it('of nobody is never right', async () => {
    expect(await passwords.check(null, 'anything')).toEqual({ isRight: false, isOutdated: false });
  });
});

it('when too many wait, more are refused at once', async () => {
  const few = createPasswords();
  const calls = Array.from({ length: 103 }, () =>
    few.check('$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$YWFhYWFhYWFhYWFhYWFhYQ', 'x').then(
      () => 'done',
      (error: { code: string }) => error.code,
    ),
  );
  const ends = await Promise.all(calls);
  expect(ends.filter((end) => end === 'unavailable')).toHaveLength(1);
});
