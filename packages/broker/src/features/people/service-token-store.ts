/** Keeps the tokens of programs in the database. */
import { DataTypes, Op, type Sequelize, type WhereOptions } from 'sequelize';

/** Times are milliseconds since 1970. */
export interface StoredServiceToken {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly tokenHash: Buffer;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly expiresAt: number;
  readonly lastUsedAt: number | null;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

export interface ServiceTokenStore {
  insert(token: StoredServiceToken): Promise<void>;
  byHash(hash: Buffer): Promise<StoredServiceToken | null>;
  byId(id: string): Promise<StoredServiceToken | null>;
  /** Newest first. */
  all(): Promise<StoredServiceToken[]>;
  /** Once; a second time changes nothing. */
  revoke(id: string, atMs: number): Promise<void>;
  /** Many at once; never turns a time back. */
  noteUse(lastUsed: ReadonlyMap<string, number>): Promise<void>;
}

const time = { type: DataTypes.BIGINT, allowNull: true };
const text = { type: DataTypes.STRING, allowNull: false };

export function serviceTokenStore(sequelize: Sequelize): ServiceTokenStore {
  const model = sequelize.define(
    'admin_service_token',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      name: { ...text },
      prefix: { ...text },
      tokenHash: { type: DataTypes.BLOB, allowNull: false, field: 'token_hash' },
      scopes: { type: DataTypes.TEXT, allowNull: false },
      createdBy: { ...text, field: 'created_by' },
      expiresAt: { ...time, field: 'expires_at' },
      lastUsedAt: { ...time, field: 'last_used_at' },
      createdAt: { ...time, field: 'created_at' },
      revokedAt: { ...time, field: 'revoked_at' },
    },
    { tableName: 'admin_service_tokens', timestamps: false },
  );
  const one = async (where: WhereOptions): Promise<StoredServiceToken | null> =>
    asToken(await model.findOne({ raw: true, where }));

  return {
    insert: async (token) => {
      await model.create({ ...token, scopes: token.scopes.join(' ') });
    },
    byHash: (tokenHash) => one({ tokenHash }),
    byId: (id) => one({ id }),
    all: async () =>
      (await model.findAll({ raw: true, order: [['id', 'DESC']] })).map((row) => asToken(row)!),
    revoke: async (id, revokedAt) => {
      await model.update({ revokedAt }, { where: { id, revokedAt: null } });
    },
    noteUse: async (lastUsed) => {
      for (const [id, lastUsedAt] of lastUsed) {
        const older = { [Op.or]: [{ [Op.lt]: lastUsedAt }, { [Op.is]: null }] };
        await model.update({ lastUsedAt }, { where: { id, lastUsedAt: older } });
      }
    },
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function asToken(row: unknown): StoredServiceToken | null {
  if (!row) return null;
  const token = row as Omit<StoredServiceToken, 'scopes'> & { scopes: string };
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  return {
    ...token,
    scopes: token.scopes.split(' '),
    expiresAt: Number(token.expiresAt),
    lastUsedAt: number(token.lastUsedAt),
    createdAt: Number(token.createdAt),
    revokedAt: number(token.revokedAt),
  };
}
