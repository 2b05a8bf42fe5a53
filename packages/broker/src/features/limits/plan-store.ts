/** Keeps plans in the database. */
import { DataTypes, UniqueConstraintError, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';
import { LIMIT_NAMES, mapLimits, type KeyLimits } from '../../kernel/key-limits.ts';

export interface StoredPlan extends KeyLimits {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface PlanStore {
  /** By name. */
  all(): Promise<StoredPlan[]>;
  /** False when there is one of this name. */
  insert(plan: StoredPlan): Promise<boolean>;
  change(name: string, change: Partial<KeyLimits>): Promise<void>;
  remove(name: string): Promise<void>;
}

export function planStore(sequelize: Sequelize): PlanStore {
  const model = sequelize.define(
    'plan',
    {
      name: { type: DataTypes.STRING(40), primaryKey: true },
      ...mapLimits((name) => ({ type: DataTypes.INTEGER, allowNull: false, field: LIMIT_NAMES[name] })),
      createdAt: { type: DataTypes.BIGINT, allowNull: false, field: 'created_at' },
    },
    { tableName: 'plans', timestamps: false },
  );

  const rows = rowsOf(model);

  return {
    all: async () => (await rows('ORDER BY name')).map(asPlan),
    insert: async (plan) => {
      try {
        await model.create({ ...plan });
        return true;
      } catch (error) {
        if (error instanceof UniqueConstraintError) return false;
        throw error;
      }
    },
    change: async (name, change) => {
      await model.update(change, { where: { name } });
    },
    remove: async (name) => {
      await model.destroy({ where: { name } });
    },
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function asPlan(row: unknown): StoredPlan {
  const plan = row as StoredPlan;
  return { ...plan, createdAt: Number(plan.createdAt) };
}
