/** Keeps upstreams that were added at run time, and what was changed about those of the settings, in the database. */
import { DataTypes, UniqueConstraintError, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';

/** Forced by an operator, or left to itself. */
export type BreakerMode = 'auto' | 'open' | 'closed';

export interface StoredUpstream {
  /** host:port */
  readonly id: string;
  readonly url: string;
  readonly slots: number | 'auto';
  /** `settings`: only the switches count, and only while the settings name it. */
  readonly source: 'settings' | 'database';
  readonly isEnabled: boolean;
  readonly isDraining: boolean;
  readonly breaker: BreakerMode;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type UpstreamChange = Partial<Pick<StoredUpstream, 'slots' | 'isEnabled' | 'isDraining' | 'breaker'>>;

export interface UpstreamStore {
  /** Oldest first. */
  all(): Promise<StoredUpstream[]>;
  /** False when there is one of this id. */
  insert(upstream: StoredUpstream): Promise<boolean>;
  change(id: string, change: UpstreamChange): Promise<void>;
  remove(id: string): Promise<void>;
}

/** How `auto` is kept in a column of numbers. */
const AUTO = 0;
const flag = { type: DataTypes.BOOLEAN, allowNull: false };

export function upstreamStore(sequelize: Sequelize): UpstreamStore {
  const model = sequelize.define(
    'upstream',
    {
      id: { type: DataTypes.STRING(200), primaryKey: true },
      url: { type: DataTypes.STRING(255), allowNull: false },
      slots: { type: DataTypes.INTEGER, allowNull: false },
      source: { type: DataTypes.STRING(10), allowNull: false },
      isEnabled: { ...flag, field: 'enabled' },
      isDraining: { ...flag, field: 'draining' },
      breaker: { type: DataTypes.STRING(10), allowNull: false },
      createdAt: { type: DataTypes.BIGINT, allowNull: false, field: 'created_at' },
    },
    { tableName: 'upstreams', timestamps: false },
  );
  const rows = rowsOf(model);

  return {
    all: async () => (await rows('ORDER BY created_at, id')).map(asUpstream),
    insert: async (upstream) => {
      try {
        await model.create({ ...upstream, ...slotsColumn(upstream) });
        return true;
      } catch (error) {
        if (error instanceof UniqueConstraintError) return false;
        throw error;
      }
    },
    change: async (id, change) => {
      await model.update({ ...change, ...slotsColumn(change) }, { where: { id } });
    },
    remove: async (id) => {
      await model.destroy({ where: { id } });
    },
  };
}

function slotsColumn({ slots }: UpstreamChange): { slots?: number } {
  return slots === undefined ? {} : { slots: slots === 'auto' ? AUTO : slots };
}

/** Raw rows have 0 and 1 for booleans, and MySQL's driver may hand BIGINT over as text. */
function asUpstream(row: unknown): StoredUpstream {
  const upstream = row as StoredUpstream;
  return {
    ...upstream,
    slots: upstream.slots === AUTO ? 'auto' : upstream.slots,
    isEnabled: Boolean(upstream.isEnabled),
    isDraining: Boolean(upstream.isDraining),
    createdAt: Number(upstream.createdAt),
  };
}
