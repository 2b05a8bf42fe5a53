import { expect, it } from 'vitest';
import { createProof } from './proof.ts';
import { codeOf } from './testing/some-people.ts';
import type { StoredUser, UserStore } from './user-store.ts';

/** What is done for each name, step by step; nobody but ana is known, and her password is "right". */
function steps() {
  const done: string[] = [];
  const ana = { name: 'ana', status: 'active', passwordHash: 'of ana', totpSecret: null } as StoredUser;
  const proof = createProof({
    store: { byName: async (name) => (name === 'ana' ? ana : null) } as UserStore,
    passwords: {
      hash: async () => '',
      check: async (stored, password) => {
        done.push('check');
        return { isRight: stored !== null && password === 'right', isOutdated: false };
      },
    },
    secondFactor: {} as never,
    lockout: {
      claim: async () => (done.push('claim'), 0),
      passed: async () => void done.push('passed'),
      forget: async () => 0,
    },
  });
  const signIn = (name: string, password: string) =>
    codeOf(proof.ofSignIn({ name, password }, '10.0.0.1', async () => void done.push('failed'))).then(
      (code) => [code, ...done.splice(0)],
    );
  return signIn;
}

it('a wrong name costs the same work as a wrong password', async () => {
  const signIn = steps();
  expect(await signIn('nobody', 'right')).toEqual(['unauthorized', 'claim', 'check', 'failed']);
  expect(await signIn('ana', 'wrong')).toEqual(['unauthorized', 'claim', 'check', 'failed']);
  expect(await signIn('ana', 'right')).toEqual(['none', 'claim', 'check', 'passed']);
});
