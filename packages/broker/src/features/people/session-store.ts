/** Keeps sessions of people in the database; what has ended is gone. */
import { DataTypes, Op, type Sequelize } from 'sequelize';

/** Times are milliseconds since 1970. */
export interface StoredSession {
  readonly id: string;
  readonly userId: string;
  readonly tokenHash: Buffer;
  readonly client: string;
  readonly address: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
  /** When the person last showed that they are there. */
  readonly provedAt: number;
}

export interface SessionStore {
  /** Ends the oldest ones of the person beyond so many. */
  insert(session: StoredSession, most: number): Promise<void>;
  byHash(hash: Buffer): Promise<StoredSession | null>;
  /** Newest first. */
  list(filter: { userId?: string; notBefore: { lastUsedAt: number; now: number } }): Promise<StoredSession[]>;
  prove(id: string, atMs: number): Promise<void>;
  /** How many there were. */
  end(filter: { id?: string; userId?: string; except?: string }): Promise<number>;
  /** Many at once; never turns a time back. */
  noteUse(lastUsed: ReadonlyMap<string, number>): Promise<void>;
  /** Those that ended by themselves. */
  forget(notBefore: { lastUsedAt: number; now: number }): Promise<number>;
}

const time = { type: DataTypes.BIGINT, allowNull: false };
const text = { type: DataTypes.STRING, allowNull: false };

export function sessionStore(sequelize: Sequelize): SessionStore {
  const model = sequelize.define(
    'admin_session',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      userId: { ...text, field: 'user_id' },
      tokenHash: { type: DataTypes.BLOB, allowNull: false, field: 'token_hash' },
      client: { ...text },
      address: { ...text },
      createdAt: { ...time, field: 'created_at' },
      lastUsedAt: { ...time, field: 'last_used_at' },
      expiresAt: { ...time, field: 'expires_at' },
      provedAt: { ...time, field: 'proved_at' },
    },
    { tableName: 'admin_sessions', timestamps: false },
  );

  return {
    insert: async (session, most) => {
      await model.create({ ...session });
      const { userId } = session;
      const kept = await model.findAll({
        raw: true,
        where: { userId },
        order: [['id', 'DESC']],
        limit: most,
      });
      const oldest = (kept.at(-1) as unknown as StoredSession).id;
      if (kept.length === most) await model.destroy({ where: { userId, id: { [Op.lt]: oldest } } });
    },
    byHash: async (tokenHash) => asSession(await model.findOne({ raw: true, where: { tokenHash } })),
    list: async ({ userId, notBefore: { lastUsedAt, now } }) => {
      const alive = { lastUsedAt: { [Op.gt]: lastUsedAt }, expiresAt: { [Op.gt]: now } };
      const where = { ...alive, ...(userId === undefined ? {} : { userId }) };
      return (await model.findAll({ raw: true, where, order: [['id', 'DESC']] })).map((row) =>
        asSession(row)!,
      );
    },
    prove: async (id, provedAt) => {
      await model.update({ provedAt }, { where: { id } });
    },
    end: ({ id, userId, except }) =>
      model.destroy({
        where: {
          [Op.and]: [
            ...(id === undefined ? [] : [{ id }]),
            ...(userId === undefined ? [] : [{ userId }]),
            ...(except === undefined ? [] : [{ id: { [Op.ne]: except } }]),
          ],
        },
      }),
    noteUse: async (lastUsed) => {
      for (const [id, lastUsedAt] of lastUsed)
        await model.update({ lastUsedAt }, { where: { id, lastUsedAt: { [Op.lt]: lastUsedAt } } });
    },
    forget: ({ lastUsedAt, now }) =>
      model.destroy({
        where: { [Op.or]: [{ lastUsedAt: { [Op.lte]: lastUsedAt } }, { expiresAt: { [Op.lte]: now } }] },
      }),
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function asSession(row: unknown): StoredSession | null {
  if (!row) return null;
  const session = row as StoredSession;
  return {
    ...session,
    createdAt: Number(session.createdAt),
    lastUsedAt: Number(session.lastUsedAt),
    expiresAt: Number(session.expiresAt),
    provedAt: Number(session.provedAt),
  };
}
