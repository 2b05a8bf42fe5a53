/** Keeps named queues in the database. */
import { DataTypes, UniqueConstraintError, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';

export type QueueState = 'active' | 'paused' | 'draining';

/** Null: as the daemon's settings say. */
export interface QueuePolicy {
  /** How many of its requests may run at once, on each broker; 0: no cap. */
  readonly concurrency: number | null;
  readonly maxAttempts: number | null;
  readonly retryBaseMs: number | null;
  readonly retryCapMs: number | null;
  readonly totalTimeoutMs: number | null;
  readonly maxPromptBytes: number | null;
  /** How many of its requests may not have ended; 0: no limit. */
  readonly maxQueued: number | null;
  readonly fallbackModel: string | null;
  readonly defaultPriority: number | null;
}

export interface StoredQueue extends QueuePolicy {
  readonly name: string;
  readonly state: QueueState;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type QueueChange = Partial<QueuePolicy & Pick<StoredQueue, 'state'>>;

export interface QueueStore {
  /** By name. */
  all(): Promise<StoredQueue[]>;
  /** False when there is one of this name. */
  insert(queue: StoredQueue): Promise<boolean>;
  change(name: string, change: QueueChange): Promise<void>;
  remove(name: string): Promise<void>;
}

const own = { type: DataTypes.INTEGER, allowNull: true };

export function queueStore(sequelize: Sequelize): QueueStore {
  const model = sequelize.define(
    'queue',
    {
      name: { type: DataTypes.STRING(40), primaryKey: true },
      state: { type: DataTypes.STRING(10), allowNull: false },
      concurrency: own,
      maxAttempts: { ...own, field: 'max_attempts' },
      retryBaseMs: { ...own, field: 'retry_base_ms' },
      retryCapMs: { ...own, field: 'retry_cap_ms' },
      totalTimeoutMs: { ...own, field: 'total_timeout_ms' },
      maxPromptBytes: { ...own, field: 'max_prompt_bytes' },
      maxQueued: { ...own, field: 'max_queued' },
      fallbackModel: { type: DataTypes.STRING(200), allowNull: true, field: 'fallback_model' },
      defaultPriority: { ...own, field: 'default_priority' },
      createdAt: { type: DataTypes.BIGINT, allowNull: false, field: 'created_at' },
    },
    { tableName: 'queues', timestamps: false },
  );

  const rows = rowsOf(model);

  return {
    all: async () => (await rows('ORDER BY name')).map(asQueue),
    insert: async (queue) => {
      try {
        await model.create({ ...queue });
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
function asQueue(row: unknown): StoredQueue {
  const queue = row as StoredQueue;
  return { ...queue, createdAt: Number(queue.createdAt) };
}
