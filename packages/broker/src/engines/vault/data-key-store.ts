/** Keeps the wrapped data keys in the database. */
import { DataTypes, type Sequelize } from 'sequelize';
import type { DataKeyStore, StoredDataKey } from './vault.ts';

interface DataKeyRow {
  id: number;
  master_key_id: string;
  wrapped: Buffer;
}

export function dataKeyStore(sequelize: Sequelize): DataKeyStore {
  const model = sequelize.define(
    'data_key',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      master_key_id: { type: DataTypes.STRING(16), allowNull: false },
      wrapped: { type: DataTypes.BLOB, allowNull: false },
      created_at: { type: DataTypes.BIGINT, allowNull: false },
    },
    { tableName: 'data_keys', timestamps: false },
  );
  const toStored = (row: DataKeyRow): StoredDataKey => ({
    id: row.id,
    masterKeyId: row.master_key_id,
    wrapped: row.wrapped,
  });

  return {
    all: async () =>
      ((await model.findAll({ raw: true, order: ['id'] })) as unknown as DataKeyRow[]).map(toStored),
    add: (masterKeyId, wrap) =>
      sequelize.transaction(async (transaction) => {
        const row = await model.create(
          { master_key_id: masterKeyId, wrapped: Buffer.alloc(0), created_at: Date.now() },
          { transaction },
        );
        const { id } = row.get() as DataKeyRow;
        const wrapped = wrap(id);
        await row.update({ wrapped }, { transaction });
        return { id, masterKeyId, wrapped };
      }),
  };
}
