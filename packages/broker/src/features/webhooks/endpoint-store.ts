/** Keeps the endpoints of keys in the database. */
import { DataTypes, Op, type Sequelize, type Transaction, type WhereOptions } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';
import { marksFor } from '../../engines/ledger/ledger.ts';

export type DisabledReason = 'gone' | 'failing';

/** Times are milliseconds since 1970. `url` and `secrets` are sealed. */
export interface StoredEndpoint {
  readonly id: string;
  readonly keyId: string;
  /** With its port, if that is not the usual one. */
  readonly host: string;
  /** Types of events it wants, separated by spaces; null = all. */
  readonly events: string | null;
  /** Since when it wants these. */
  readonly subscribedAt: number;
  readonly status: 'enabled' | 'disabled';
  readonly disabledReason: DisabledReason | null;
  readonly disabledAt: number | null;
  readonly failingSince: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly url: Buffer;
  readonly secrets: Buffer;
}

export type EndpointChange = Partial<Omit<StoredEndpoint, 'id' | 'keyId' | 'createdAt'>>;

export interface EndpointStore {
  insert(endpoint: StoredEndpoint): Promise<void>;
  byId(id: string): Promise<StoredEndpoint | null>;
  byIds(ids: readonly string[]): Promise<StoredEndpoint[]>;
  ofKeys(keyIds: readonly string[]): Promise<StoredEndpoint[]>;
  /** How many endpoints a key has, in whatever state. */
  count(keyId: string): Promise<number>;
  list(filter: { keyId: string; limit: number; before?: string }): Promise<StoredEndpoint[]>;
  /** Changes an endpoint that still has the fields of `from`; false when there is none. */
  change(
    id: string,
    change: EndpointChange,
    from?: EndpointChange,
    transaction?: Transaction,
  ): Promise<boolean>;
  remove(id: string, transaction: Transaction): Promise<void>;
}

/** Spread where they are used: Sequelize writes into them. */
const time = { type: DataTypes.BIGINT, allowNull: true };
const blob = { type: DataTypes.BLOB, allowNull: false };

export function endpointStore(sequelize: Sequelize): EndpointStore {
  const model = sequelize.define(
    'webhook_endpoint',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      keyId: { type: DataTypes.STRING(30), allowNull: false, field: 'key_id' },
      host: { type: DataTypes.STRING(270), allowNull: false },
      events: DataTypes.STRING(400),
      subscribedAt: { ...time, field: 'subscribed_at' },
      status: { type: DataTypes.STRING(10), allowNull: false },
      disabledReason: { type: DataTypes.STRING(10), field: 'disabled_reason' },
      disabledAt: { ...time, field: 'disabled_at' },
      failingSince: { ...time, field: 'failing_since' },
      createdAt: { ...time, field: 'created_at' },
      updatedAt: { ...time, field: 'updated_at' },
      url: { ...blob },
      secrets: { ...blob },
    },
    { tableName: 'webhook_endpoints', timestamps: false },
  );
  const rows = rowsOf(model);
  const all = async (where: WhereOptions): Promise<StoredEndpoint[]> =>
    (await model.findAll({ raw: true, where, order: [['id', 'ASC']] })).map(asEndpoint);

  return {
    insert: async (endpoint) => {
      await model.create({ ...endpoint });
    },
    byId: async (id) => (await all({ id }))[0] ?? null,
    byIds: async (ids) => (ids.length === 0 ? [] : all({ id: [...ids] })),
    ofKeys: async (keyIds) =>
      keyIds.length === 0
        ? []
        : (await rows(`WHERE key_id IN ${marksFor(keyIds)} ORDER BY id`, keyIds)).map(asEndpoint),
    count: (keyId) => model.count({ where: { keyId } }),
    list: async ({ keyId, limit, before }) => {
      const where = { keyId, ...(before ? { id: { [Op.lt]: before } } : {}) };
      return (await model.findAll({ raw: true, where, order: [['id', 'DESC']], limit })).map(asEndpoint);
    },
    change: async (id, change, from = {}, transaction) => {
      const [changed] = await model.update(change, { where: { ...from, id }, transaction });
      return changed === 1;
    },
    remove: async (id, transaction) => {
      await model.destroy({ where: { id }, transaction });
    },
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function asEndpoint(row: unknown): StoredEndpoint {
  const endpoint = row as StoredEndpoint;
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  return {
    ...endpoint,
    subscribedAt: Number(endpoint.subscribedAt),
    disabledAt: number(endpoint.disabledAt),
    failingSince: number(endpoint.failingSince),
    createdAt: Number(endpoint.createdAt),
    updatedAt: Number(endpoint.updatedAt),
  };
}
