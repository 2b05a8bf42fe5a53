/** Keeps how often signing in failed, by a hash of whom or from where, for all brokers together. */
import { DataTypes, Op, type Sequelize, UniqueConstraintError } from 'sequelize';

/** Times are milliseconds since 1970. */
export interface LoginFailures {
  readonly failures: number;
  readonly lastAt: number;
  readonly lockedUntil: number;
}

export interface LoginFailureStore {
  get(subject: Buffer): Promise<LoginFailures | null>;
  /** Writes what comes after `seen`; false when somebody else wrote since. */
  put(subject: Buffer, seen: LoginFailures | null, next: LoginFailures): Promise<boolean>;
  remove(subject: Buffer): Promise<void>;
  forget(beforeMs: number): Promise<number>;
}

export function loginFailureStore(sequelize: Sequelize): LoginFailureStore {
  const model = sequelize.define(
    'admin_login_failure',
    {
      subject: { type: DataTypes.BLOB, primaryKey: true },
      failures: { type: DataTypes.INTEGER, allowNull: false },
      lastAt: { type: DataTypes.BIGINT, allowNull: false, field: 'last_at' },
      lockedUntil: { type: DataTypes.BIGINT, allowNull: false, field: 'locked_until' },
    },
    { tableName: 'admin_login_failures', timestamps: false },
  );

  return {
    get: async (subject) => {
      const row = (await model.findOne({ raw: true, where: { subject } })) as LoginFailures | null;
      return (
        row && { failures: row.failures, lastAt: Number(row.lastAt), lockedUntil: Number(row.lockedUntil) }
      );
    },
    put: async (subject, seen, next) => {
      if (seen) {
        const [changed] = await model.update({ ...next }, { where: { subject, ...seen } });
        return changed === 1;
      }
      try {
        await model.create({ subject, ...next });
        return true;
      } catch (error) {
        if (error instanceof UniqueConstraintError) return false;
        throw error;
      }
    },
    remove: async (subject) => {
      await model.destroy({ where: { subject } });
    },
    forget: (beforeMs) => model.destroy({ where: { lastAt: { [Op.lt]: beforeMs } } }),
  };
}
