/** What signing in leaves in the audit trail, on real databases. */
import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from './kernel/logger.ts';
import { DATABASES, type Engines } from './testing/databases.ts';
import { createAudit, type Audit } from './features/audit/audit.ts';
import { auditStore } from './features/audit/audit-store.ts';
import type { People } from './features/people/people.ts';
import {
  codeOf,
  FROM,
  movingClock,
  PASSWORD,
  peopleOn,
  somebody,
} from './features/people/testing/some-people.ts';

describe.each(DATABASES)('the audit trail on $name', ({ isAvailable, open }) => {
  describe.skipIf(!isAvailable)('with its database', () => {
    const clock = movingClock();
    let engines: Engines;
    let people: People;
    let audit: Audit;
    beforeAll(async () => {
      engines = await open();
      const { vault, database } = engines;
      const { sequelize, together } = database;
      audit = createAudit({ store: auditStore(sequelize), together, vault, clock, logger: silentLogger });
      people = peopleOn(engines, clock, {}, audit);
    });

    let seen = 0;
    /** The rows since the last look. */
    async function fresh() {
      const rows = (await audit.list({ order: 'oldest', limit: 1000, cursor: String(seen) })).items;
      seen = rows.at(-1)?.seq ?? seen;
      return rows.map(({ act, actor, target, outcome, code, ip }) => [
        ...[act, actor.name ?? actor.kind, target.id],
        ...[code ?? outcome, ip],
      ]);
    }
    const tryTo = (name: string, password: string) =>
      codeOf(people.sessions.signIn({ name, password }, FROM));

    it('says who set a password with a token, and who signed in', async () => {
      const { id, name } = await somebody(people, 'viewer');
      expect(await fresh()).toEqual([['users.set_password', name, id, 'done', FROM.ip]]);
      expect(await tryTo(name, PASSWORD)).toBe('none');
      expect(await fresh()).toEqual([['sessions.sign_in', name, id, 'done', FROM.ip]]);
    });

    it('names whom somebody tried to be, never what was typed as a name, and says when guessing locks out', async () => {
      const { id, name } = await somebody(people, 'viewer');
      await fresh();
      for (const password of ['a', 'b', 'c']) expect(await tryTo(name, password)).toBe('unauthorized');
      const refused = ['sessions.sign_in', 'anyone', id, 'unauthorized', FROM.ip];
      expect(await fresh()).toEqual([refused, refused, refused]);
      expect(await tryTo('my-password-by-mistake', 'd')).toBe('unauthorized');
      expect(await fresh()).toEqual([
        ['sessions.sign_in', 'anyone', null, 'unauthorized', FROM.ip],
        ['sessions.lock_out', 'anyone', null, 'done', FROM.ip],
      ]);
    });

    it('grows no further by tries of who must wait', async () => {
      for (let n = 0; n < 5; n++) expect(await tryTo('whoever', 'x')).toBe('blocked');
      expect(await fresh()).toEqual([]);
      expect(await audit.verify()).toMatchObject({ status: 'intact' });
    });

    it('has no session that it has no row of', async () => {
      const { name } = await somebody(people, 'viewer');
      clock.pass(60 * 60_000);
      const sessions = () => engines.database.sequelize.query('SELECT id FROM admin_sessions');
      const [before] = await sessions();
      await engines.database.sequelize.query('UPDATE audit_head SET id = 2');
      expect(await tryTo(name, PASSWORD)).not.toBe('none');
      await engines.database.sequelize.query('UPDATE audit_head SET id = 1');
      expect((await sessions())[0]).toEqual(before);
    });
  });
});
