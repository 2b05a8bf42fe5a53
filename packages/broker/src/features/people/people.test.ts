/** People on real databases: signing in, lockout, second factor, sessions, roles, and tokens of programs. */
import { hash } from '@node-rs/argon2';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DATABASES, type Engines } from '../../testing/databases.ts';
import { peopleStore } from './people-store.ts';
import type { People } from './people.ts';
import { refusalOf } from './permissions.ts';
import {
  ADDRESS,
  ADMIN_TOKEN,
  codeOf,
  FROM,
  movingClock,
  PASSWORD,
  peopleOn,
  signedIn,
  somebody,
  withTotp,
  type MovingClock,
} from './testing/some-people.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe.each(DATABASES)('people on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('with its engines', () => {
    let engines: Engines;
    let clock: MovingClock;
    let people: People;
    let from = 0;
    beforeAll(async () => {
      engines = await open();
    });
    beforeEach(() => {
      clock = movingClock();
      people = peopleOn(engines, clock);
      from += 1;
    });

    const tryTo = (name: string, password: string, code?: string, address = `10.1.${from}.1`) =>
      people.sessions.signIn(
        { name, password, ...(code === undefined ? {} : { code }) },
        { ...FROM, address },
      );

    describe('the first super-admin', () => {
      it('is made once, also when two try at the same moment', async () => {
        const made = await Promise.all(
          ['ana', 'bia', 'caio'].map((name) => codeOf(people.users.setUp({ name, password: PASSWORD }))),
        );
        expect(made.sort()).toEqual(['conflict', 'conflict', 'none']);
        const [first, ...others] = (await people.users.list()).filter(({ role }) => role === 'super-admin');
        expect(others).toEqual([]);
        for (const change of [{ role: 'admin' }, { status: 'suspended' }] as const)
          expect(await codeOf(people.users.update(first!.id, change))).toBe('conflict');
        expect(await codeOf(people.users.remove(first!.id))).toBe('conflict');
        expect((await people.users.get(first!.id)).role).toBe('super-admin');
      });

      it('may go when there is another, and of two who go at once one stays', async () => {
        const a = await somebody(people, 'super-admin');
        const b = await somebody(people, 'super-admin');
        for (const user of await people.users.list())
          if (![a.id, b.id].includes(user.id)) await people.users.remove(user.id);
        const gone = await Promise.all([a, b].map(({ id }) => codeOf(people.users.remove(id))));
        expect(gone.sort()).toEqual(['conflict', 'none']);
        expect((await people.users.list()).map(({ role }) => role)).toEqual(['super-admin']);
      });
    });

    describe('a password', () => {
      it('is set once with the token that was handed over, and not after a day', async () => {
        const { user, reset_token } = await people.users.create({ name: `new-${from}`, role: 'viewer' });
        expect(user.has_password).toBe(false);
        expect(await codeOf(tryTo(user.name, PASSWORD))).toBe('unauthorized');
        expect(await codeOf(people.users.setPassword({ reset_token, password: 'fila123456789' }, FROM))).toBe(
          'validation_failed',
        );
        expect((await people.users.setPassword({ reset_token, password: PASSWORD }, FROM)).has_password).toBe(
          true,
        );
        expect(await codeOf(people.users.setPassword({ reset_token, password: PASSWORD }, FROM))).toBe(
          'unauthorized',
        );
        const late = await people.users.create({ name: `late-${from}`, role: 'viewer' });
        clock.pass(24 * HOUR);
        expect(
          await codeOf(people.users.setPassword({ reset_token: late.reset_token, password: PASSWORD }, FROM)),
        ).toBe('unauthorized');
      });

      it('that is reset opens nothing any more, nor do its sessions', async () => {
        const { id, name } = await somebody(people, 'operator');
        const { token } = await signedIn(people, name);
        const { reset_token } = await people.users.resetPassword(id);
        expect(await people.accept(token)).toBeNull();
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('unauthorized');
        clock.pass(15 * MINUTE);
        expect(await codeOf(people.users.setPassword({ reset_token, password: PASSWORD }, FROM))).toBe(
          'unauthorized',
        );
      });

      it('that its owner changes ends the other sessions, not this one', async () => {
        const { name } = await somebody(people, 'viewer');
        const [one, two] = [await signedIn(people, name), await signedIn(people, name)];
        const change = (current_password: string) =>
          people.me.changePassword(
            one.caller,
            { current_password, new_password: 'quiet-river-lantern' },
            ADDRESS,
          );
        expect(await codeOf(change('not this one'))).toBe('unauthorized');
        await change(PASSWORD);
        expect(await people.accept(one.token)).not.toBeNull();
        expect(await people.accept(two.token)).toBeNull();
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('unauthorized');
        expect((await tryTo(name, 'quiet-river-lantern')).user.name).toBe(name);
      });

      it('that is taken away while somebody signs in or changes it with the old one stays away', async () => {
        const { id, name } = await somebody(people, 'viewer');
        const { caller } = await signedIn(people, name);
        const input = { current_password: PASSWORD, new_password: 'quiet-river-lantern' };
        const outcomes = await Promise.all([
          codeOf(tryTo(name, PASSWORD)),
          codeOf(people.me.changePassword(caller, input, ADDRESS)),
          people.users.resetPassword(id),
        ]);
        expect(outcomes.slice(0, 2)).toEqual(['unauthorized', 'unauthorized']);
        expect((await people.users.get(id)).has_password).toBe(false);
        expect(await people.sessions.list(ADMIN_TOKEN, id)).toEqual([]);
      });

      it('of cheaper times is made anew when it is next used', async () => {
        const { id, name } = await somebody(people, 'viewer');
        const cheap = await hash(PASSWORD, { memoryCost: 8192, timeCost: 1, parallelism: 1 });
        const hashOf = async (): Promise<string> =>
          (await peopleStore(engines.database.sequelize).users.byId(id))!.passwordHash!;
        await peopleStore(engines.database.sequelize).users.change(id, { passwordHash: cheap });
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('none');
        expect(await hashOf()).toMatch(/m=65536,t=3,p=1/);
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('none');
      });

      it('is kept as argon2id and nothing else is kept of it, nor of any token', async () => {
        const { id, name } = await somebody(people, 'viewer');
        const { token } = await signedIn(people, name);
        const [users] = await engines.database.sequelize.query('SELECT * FROM admin_users');
        const row = (users as { id: string; password_hash: string }[]).find((one) => one.id === id)!;
        expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
        const [sessions] = await engines.database.sequelize.query('SELECT * FROM admin_sessions');
        expect(JSON.stringify([users, sessions])).not.toContain(token);
      });
    });

    describe('signing in', () => {
      it('answers alike for a wrong name, a wrong password and somebody suspended', async () => {
        const { id, name } = await somebody(people, 'admin');
        const other = await somebody(people, 'admin');
        await people.users.update(other.id, { status: 'suspended' });
        const answers = [];
        for (const [who, password] of [
          ['nobody', PASSWORD],
          [name, 'wrong'],
          [other.name, PASSWORD],
        ] as const) {
          clock.pass(2 * HOUR);
          answers.push(
            await tryTo(who, password).then(
              () => null,
              ({ code, message }: { code: string; message: string }) => ({ code, message }),
            ),
          );
        }
        expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
        expect(answers[0]?.code).toBe('unauthorized');
        clock.pass(2 * HOUR);
        const { user, token } = await tryTo(name.toUpperCase(), PASSWORD);
        expect(user.id).toBe(id);
        expect(token).toMatch(/^fila_sess_[0-9A-Za-z]{43}$/);
      });

      it('is refused for a while after many failures, with the right password too; an open session goes on', async () => {
        const { name } = await somebody(people, 'admin');
        const { token } = await signedIn(people, name);
        for (let failures = 1; failures <= 4; failures++)
          expect(await codeOf(tryTo(name, 'wrong', undefined, `10.2.${from}.${failures}`))).toBe(
            'unauthorized',
          );
        const elsewhere = (): Promise<unknown> => tryTo(name, PASSWORD, undefined, `10.3.${from}.1`);
        expect(await codeOf(elsewhere())).toBe('blocked');
        expect(await people.accept(token)).not.toBeNull();
        clock.pass(1000);
        expect(await codeOf(elsewhere())).toBe('none');
        expect(await codeOf(tryTo(name, 'wrong'))).toBe('unauthorized');
        expect(await codeOf(elsewhere())).toBe('none');
      });
    });

    describe('the second factor', () => {
      const enrolled = async () => {
        const { id, name } = await somebody(people, 'admin');
        const { caller, token } = await signedIn(people, name);
        return { id, name, token, caller, ...(await withTotp(people, caller, clock)) };
      };

      it('is asked for only after the right password, and each code is good once', async () => {
        const { name, codeNow } = await enrolled();
        expect(await codeOf(tryTo(name, 'wrong'))).toBe('unauthorized');
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('totp_required');
        clock.pass(MINUTE);
        expect(await codeOf(tryTo(name, PASSWORD, '000000'))).toBe('unauthorized');
        clock.pass(MINUTE);
        expect(await codeOf(tryTo(name, PASSWORD, codeNow()))).toBe('none');
        expect(await codeOf(tryTo(name, PASSWORD, codeNow()))).toBe('unauthorized');
      });

      it('takes a code of the step before and of the one after, no older', async () => {
        const { name, codeNow } = await enrolled();
        clock.pass(10 * MINUTE);
        const old = codeNow();
        clock.pass(MINUTE);
        expect(await codeOf(tryTo(name, PASSWORD, old))).toBe('unauthorized');
        const justPassed = codeNow();
        clock.pass(30_000);
        expect(await codeOf(tryTo(name, PASSWORD, justPassed))).toBe('none');
      });

      it('one of two who send the same code at the same moment is refused', async () => {
        const { name, codeNow } = await enrolled();
        clock.pass(MINUTE);
        const code = codeNow();
        const both = await Promise.all([
          codeOf(tryTo(name, PASSWORD, code)),
          codeOf(tryTo(name, PASSWORD, code)),
        ]);
        expect(both.sort()).toEqual(['none', 'unauthorized']);
      });

      it('can be replaced by a recovery code, each good once, however it is typed', async () => {
        const { name, codes } = await enrolled();
        expect(codes).toHaveLength(10);
        expect(await codeOf(tryTo(name, PASSWORD, codes[0]))).toBe('none');
        expect(await codeOf(tryTo(name, PASSWORD, codes[0]))).toBe('unauthorized');
        expect(await codeOf(tryTo(name, PASSWORD, codes[1]!.toUpperCase().replaceAll('-', ' ')))).toBe(
          'none',
        );
      });

      it('keeps what was on until the new authenticator has shown a code', async () => {
        const { name, caller, codeNow } = await enrolled();
        const { secret } = await people.me.enrolTotp(caller);
        expect(await codeOf(people.me.confirmTotp(caller, { code: '000000' }))).toBe('validation_failed');
        clock.pass(MINUTE);
        expect(await codeOf(tryTo(name, PASSWORD, codeNow()))).toBe('none');
        const [rows] = await engines.database.sequelize.query(
          'SELECT totp_secret, totp_pending FROM admin_users',
        );
        expect(JSON.stringify(rows)).not.toContain(secret);
      });

      it('that is reset is gone with all sessions', async () => {
        const { id, name, token } = await enrolled();
        expect((await people.users.resetTotp(id)).totp).toBe(false);
        expect(await people.accept(token)).toBeNull();
        expect(await codeOf(tryTo(name, PASSWORD))).toBe('none');
      });

      it('can be demanded: without it nothing but what is about oneself is open', async () => {
        const strict = peopleOn(engines, clock, { requireTotp: true });
        const { name } = await somebody(strict, 'super-admin');
        const { caller, token } = await signedIn(strict, name);
        expect(strict.refusalOf(caller, 'keys.read')?.code).toBe('forbidden');
        expect(strict.refusalOf(caller, 'own.secure')).toBeNull();
        await withTotp(strict, caller, clock);
        expect(strict.refusalOf((await strict.accept(token))!, 'keys.read')).toBeNull();
      });
    });

    describe('a session', () => {
      it('ends when it is idle, and after its hours however busy it is', async () => {
        const { name } = await somebody(people, 'operator');
        const { token } = await signedIn(people, name);
        const idle = await signedIn(people, name);
        for (let minutes = 0; minutes < 12 * 60 - 20; minutes += 20) {
          clock.pass(20 * MINUTE);
          expect(await people.accept(token), String(minutes)).not.toBeNull();
          if (minutes === 20) expect(await people.accept(idle.token)).toBeNull();
          await people.stop();
        }
        clock.pass(20 * MINUTE);
        expect(await people.accept(token)).toBeNull();
      });

      it('of a super-admin is shorter, from the moment they are one', async () => {
        const { id, name } = await somebody(people, 'admin');
        const { token } = await signedIn(people, name);
        for (let half = 0; half < 9; half++) {
          clock.pass(29 * MINUTE);
          expect(await people.accept(token)).not.toBeNull();
        }
        await people.users.update(id, { role: 'super-admin' });
        expect(await people.accept(token)).toBeNull();
      });

      it('sees the end of its person within a second on another broker', async () => {
        const other = peopleOn(engines, clock);
        for (const end of ['suspend', 'demote', 'remove', 'sign out'] as const) {
          const { id, name } = await somebody(people, 'admin');
          const { token, caller } = await signedIn(people, name);
          expect(await other.accept(token)).toMatchObject({ role: 'admin' });
          if (end === 'suspend') await people.users.update(id, { status: 'suspended' });
          if (end === 'demote') await people.users.update(id, { role: 'viewer' });
          if (end === 'remove') await people.users.remove(id);
          if (end === 'sign out') await people.sessions.signOut(caller);
          const here = await people.accept(token);
          clock.pass(1000);
          const there = await other.accept(token);
          expect([here?.role, there?.role]).toEqual(
            end === 'demote' ? ['viewer', 'viewer'] : [undefined, undefined],
          );
        }
      });

      it('is on the list with where it came from; others of the person can be ended at once', async () => {
        const { id, name } = await somebody(people, 'viewer');
        const stranger = await somebody(people, 'viewer');
        const { session: foreign } = await signedIn(people, stranger.name);
        const [one, two] = [await signedIn(people, name), await signedIn(people, name)];
        const listed = await people.sessions.list(one.caller, id);
        expect(listed.map((session) => [session.id, session.is_current, session.address])).toEqual([
          [two.session.id, false, ADDRESS],
          [one.session.id, true, ADDRESS],
        ]);
        expect(await codeOf(people.sessions.end(foreign.id, id))).toBe('not_found');
        expect(await people.sessions.endOthers(one.caller, id)).toEqual({ ended: 1 });
        expect(await people.accept(two.token)).toBeNull();
        expect(await people.accept(one.token)).not.toBeNull();
        expect((await people.sessions.endOthers(ADMIN_TOKEN)).ended).toBeGreaterThanOrEqual(2);
        expect(await people.accept(one.token)).toBeNull();
      });

      it('of one person are twenty at most: the oldest ends', async () => {
        const { name, id } = await somebody(people, 'viewer');
        const first = await signedIn(people, name);
        for (let i = 0; i < 20; i++) {
          clock.pass(1000);
          await signedIn(people, name);
        }
        expect(await people.sessions.list(ADMIN_TOKEN, id)).toHaveLength(20);
        clock.pass(1000);
        expect(await people.accept(first.token)).toBeNull();
      });

      it('must prove again who it is after five minutes, with what the person has', async () => {
        const { name } = await somebody(people, 'super-admin');
        const { token, caller } = await signedIn(people, name);
        expect(refusalOf(caller, 'users.remove', clock.now())).toBeNull();
        clock.pass(5 * MINUTE);
        expect(refusalOf(caller, 'users.remove', clock.now())?.code).toBe('step_up_required');
        expect(refusalOf(caller, 'keys.write', clock.now())).toBeNull();
        const prove = (input: { password?: string; code?: string }) =>
          codeOf(people.sessions.stepUp(caller, input, ADDRESS));
        expect(await prove({ password: 'wrong' })).toBe('unauthorized');
        expect(await prove({ code: '123456' })).toBe('validation_failed');
        expect(await prove({ password: PASSWORD })).toBe('none');
        expect(people.refusalOf((await people.accept(token))!, 'users.remove')).toBeNull();
        const { codeNow } = await withTotp(people, caller, clock);
        clock.pass(MINUTE);
        expect(await prove({ password: PASSWORD })).toBe('validation_failed');
        expect(await prove({ code: codeNow() })).toBe('none');
      });
    });

    describe('a service token', () => {
      const expires_at = (): string => new Date(clock.now() + HOUR).toISOString();

      it('does what its scopes name until it ends or is revoked', async () => {
        const made = await people.serviceTokens.create(ADMIN_TOKEN, {
          ...{ name: 'pipeline', scopes: ['keys.read'], expires_at: expires_at() },
        });
        const caller = (await people.accept(made.token))!;
        expect(people.refusalOf(caller, 'keys.read')).toBeNull();
        expect(people.refusalOf(caller, 'keys.write')?.code).toBe('forbidden');
        const other = await people.serviceTokens.create(ADMIN_TOKEN, {
          ...{ name: 'other', scopes: ['keys.read'], expires_at: expires_at() },
        });
        await people.serviceTokens.revoke(made.id);
        expect(await people.accept(made.token)).toBeNull();
        clock.pass(HOUR);
        expect(await people.accept(other.token)).toBeNull();
      });

      it('may not do what its maker may not, nor what only people may, nor last for ever', async () => {
        const { name } = await somebody(people, 'admin');
        const { caller } = await signedIn(people, name);
        const make = (scope: string, at = expires_at()) =>
          codeOf(people.serviceTokens.create(caller, { name: 'x', scopes: [scope], expires_at: at }));
        expect(await make('keys.write')).toBe('none');
        expect(await make('users.write')).toBe('validation_failed');
        expect(await make('nonsense')).toBe('validation_failed');
        expect(await make('keys.read', '2999-01-01T00:00:00Z')).toBe('validation_failed');
        const viewer = { ...caller, role: 'viewer' } as const;
        const input = { name: 'x', scopes: ['keys.write'], expires_at: expires_at() };
        expect(await codeOf(people.serviceTokens.create(viewer, input))).toBe('forbidden');
      });
    });

    it('what ended by itself is cleaned up', async () => {
      const { name } = await somebody(people, 'viewer');
      await signedIn(people, name);
      await codeOf(tryTo(name, 'wrong'));
      clock.pass(13 * HOUR);
      expect(await people.forget()).toBeGreaterThanOrEqual(2);
      const [left] = await engines.database.sequelize.query(
        'SELECT (SELECT COUNT(*) FROM admin_sessions) + (SELECT COUNT(*) FROM admin_login_failures) AS n',
      );
      expect(Number((left as { n: number }[])[0]!.n)).toBe(0);
    });
  });
});
