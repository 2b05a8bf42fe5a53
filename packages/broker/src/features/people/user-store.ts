/** Keeps people and their recovery codes in the database. */
import {
  DataTypes,
  Op,
  type Sequelize,
  type Transaction,
  UniqueConstraintError,
  type WhereOptions,
} from 'sequelize';
import type { Role } from './permissions.ts';

/** Times are milliseconds since 1970. */
export interface StoredUser {
  readonly id: string;
  /** Lower case. */
  readonly name: string;
  readonly role: Role;
  readonly status: 'active' | 'suspended';
  /** argon2id; null: nobody can sign in until one is set. */
  readonly passwordHash: string | null;
  /** Sealed. */
  readonly totpSecret: Buffer | null;
  /** Sealed; counts once a code of it was seen. */
  readonly totpPending: Buffer | null;
  readonly totpLastStep: number;
  readonly resetHash: Buffer | null;
  readonly resetExpiresAt: number | null;
  readonly lastLoginAt: number | null;
  readonly createdAt: number;
}

export type UserChange = Partial<Omit<StoredUser, 'id' | 'name' | 'createdAt'>>;
export type Guarded = 'done' | 'missing' | 'last_super_admin';

export interface UserStore {
  /** False when somebody has this name. */
  insert(user: StoredUser): Promise<boolean>;
  /** False when there is a super-admin, whatever their state, or somebody of this name. */
  insertFirst(user: StoredUser): Promise<boolean>;
  byId(id: string): Promise<StoredUser | null>;
  byName(name: string): Promise<StoredUser | null>;
  /** By name. */
  all(): Promise<StoredUser[]>;
  change(id: string, change: UserChange): Promise<void>;
  /** False when the password is another one by now. */
  replacePassword(id: string, from: string | null, to: string): Promise<boolean>;
  /** Null removes. Never takes the last super-admin away who can sign in. */
  changeGuarded(id: string, change: Pick<UserChange, 'role' | 'status'> | null): Promise<Guarded>;
  /** Sets a password once for a token that is still good; the id of whose it is. */
  redeem(resetHash: Buffer, passwordHash: string, nowMs: number): Promise<string | null>;
  byReset(resetHash: Buffer, nowMs: number): Promise<StoredUser | null>;
  /** False when this step, or a later one, was taken before. */
  takeStep(id: string, step: number): Promise<boolean>;
  putRecoveryCodes(id: string, hashes: readonly Buffer[]): Promise<void>;
  /** False when there is no such code any more. */
  takeRecoveryCode(id: string, hash: Buffer): Promise<boolean>;
}

const time = { type: DataTypes.BIGINT, allowNull: true };
const blob = { type: DataTypes.BLOB, allowNull: true };

export function userStore(sequelize: Sequelize): UserStore {
  const { users, codes } = models(sequelize);
  const read = async (where: WhereOptions): Promise<StoredUser | null> =>
    asUser(await users.findOne({ raw: true, where }));

  /** Two brokers at once: one waits for the other, or is told to begin again. */
  async function alone<T>(work: (transaction: Transaction) => Promise<T>, triesLeft = 3): Promise<T> {
    try {
      return await sequelize.transaction(work);
    } catch (error) {
      if (triesLeft === 0 || !isDeadlock(error)) throw error;
      return alone(work, triesLeft - 1);
    }
  }

  const superAdmins = (transaction: Transaction): Promise<StoredUser[]> =>
    users
      .findAll({ raw: true, where: { role: 'super-admin' }, order: ['id'], transaction, lock: true })
      .then((rows) => rows.map((row) => asUser(row)!));

  return {
    insert: async (user) => {
      try {
        await users.create({ ...user });
        return true;
      } catch (error) {
        if (error instanceof UniqueConstraintError) return false;
        throw error;
      }
    },
    insertFirst: (user) =>
      alone(async (transaction) => {
        if ((await superAdmins(transaction)).length > 0) return false;
        if (await users.count({ where: { name: user.name }, transaction })) return false;
        await users.create({ ...user }, { transaction });
        return true;
      }),
    byId: (id) => read({ id }),
    byName: (name) => read({ name }),
    all: async () =>
      (await users.findAll({ raw: true, order: [['name', 'ASC']] })).map((row) => asUser(row)!),
    change: async (id, change) => {
      await users.update(change, { where: { id } });
    },
    replacePassword: async (id, from, to) => {
      const change = { passwordHash: to, resetHash: null, resetExpiresAt: null };
      const [changed] = await users.update(change, { where: { id, passwordHash: from } });
      return changed === 1;
    },
    changeGuarded: (id, change) =>
      alone(async (transaction) => {
        const others = await superAdmins(transaction);
        const row = asUser(await users.findOne({ raw: true, where: { id }, transaction, lock: true }));
        if (!row) return 'missing';
        const after = change && { role: row.role, status: row.status, ...change };
        const stays = after?.role === 'super-admin' && after.status === 'active';
        const isLeft = others.some((one) => one.id !== id && one.status === 'active');
        if (row.role === 'super-admin' && !stays && !isLeft) return 'last_super_admin';
        if (change) await users.update(change, { where: { id }, transaction });
        else {
          await codes.destroy({ where: { userId: id }, transaction });
          await users.destroy({ where: { id }, transaction });
        }
        return 'done';
      }),
    byReset: (resetHash, nowMs) => read({ resetHash, resetExpiresAt: { [Op.gt]: nowMs } }),
    redeem: async (resetHash, passwordHash, nowMs) => {
      const user = await read({ resetHash });
      const [changed] = await users.update(
        { passwordHash, resetHash: null, resetExpiresAt: null },
        { where: { resetHash, resetExpiresAt: { [Op.gt]: nowMs } } },
      );
      return changed === 1 && user ? user.id : null;
    },
    takeStep: async (id, step) => {
      const [changed] = await users.update(
        { totpLastStep: step },
        { where: { id, totpLastStep: { [Op.lt]: step } } },
      );
      return changed === 1;
    },
    putRecoveryCodes: (id, hashes) =>
      alone(async (transaction) => {
        await codes.destroy({ where: { userId: id }, transaction });
        await codes.bulkCreate(
          hashes.map((codeHash) => ({ codeHash, userId: id })),
          { transaction },
        );
      }),
    takeRecoveryCode: async (id, codeHash) =>
      (await codes.destroy({ where: { codeHash, userId: id } })) === 1,
  };
}

function models(sequelize: Sequelize) {
  const users = sequelize.define(
    'admin_user',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      name: { type: DataTypes.STRING(64), allowNull: false },
      role: { type: DataTypes.STRING(16), allowNull: false },
      status: { type: DataTypes.STRING(10), allowNull: false },
      passwordHash: { type: DataTypes.STRING(255), allowNull: true, field: 'password_hash' },
      totpSecret: { ...blob, field: 'totp_secret' },
      totpPending: { ...blob, field: 'totp_pending' },
      totpLastStep: { type: DataTypes.BIGINT, allowNull: false, field: 'totp_last_step' },
      resetHash: { ...blob, field: 'reset_hash' },
      resetExpiresAt: { ...time, field: 'reset_expires_at' },
      lastLoginAt: { ...time, field: 'last_login_at' },
      createdAt: { ...time, field: 'created_at' },
    },
    { tableName: 'admin_users', timestamps: false },
  );
  const codes = sequelize.define(
    'admin_recovery_code',
    {
      codeHash: { type: DataTypes.BLOB, primaryKey: true, field: 'code_hash' },
      userId: { type: DataTypes.STRING(30), allowNull: false, field: 'user_id' },
    },
    { tableName: 'admin_recovery_codes', timestamps: false },
  );
  return { users, codes };
}

/** MySQL's driver may hand BIGINT over as text. */
function asUser(row: unknown): StoredUser | null {
  if (!row) return null;
  const user = row as StoredUser;
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  return {
    ...user,
    totpLastStep: Number(user.totpLastStep),
    resetExpiresAt: number(user.resetExpiresAt),
    lastLoginAt: number(user.lastLoginAt),
    createdAt: Number(user.createdAt),
  };
}

function isDeadlock(error: unknown): boolean {
  return (error as { original?: { code?: string } }).original?.code === 'ER_LOCK_DEADLOCK';
}
