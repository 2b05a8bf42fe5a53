/** Keeps aliases of models in the database. */
import { DataTypes, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';

export interface StoredAlias {
  readonly alias: string;
  readonly model: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface AliasStore {
  /** By alias. */
  all(): Promise<StoredAlias[]>;
  insert(alias: StoredAlias): Promise<void>;
  /** To another model. */
  change(alias: string, model: string): Promise<void>;
  remove(alias: string): Promise<void>;
}

export function aliasStore(sequelize: Sequelize): AliasStore {
  const model = sequelize.define(
    'model_alias',
    {
      alias: { type: DataTypes.STRING(200), primaryKey: true },
      model: { type: DataTypes.STRING(200), allowNull: false },
      createdAt: { type: DataTypes.BIGINT, allowNull: false, field: 'created_at' },
    },
    { tableName: 'model_aliases', timestamps: false },
  );

  const rows = rowsOf(model);

  return {
    all: async () => (await rows('ORDER BY alias')).map(asAlias),
    insert: async (alias) => {
      await model.create({ ...alias });
    },
    change: async (alias, name) => {
      await model.update({ model: name }, { where: { alias } });
    },
    remove: async (alias) => {
      await model.destroy({ where: { alias } });
    },
  };
}

/** MySQL's driver may hand BIGINT over as text. */
function asAlias(row: unknown): StoredAlias {
  const alias = row as StoredAlias;
  return { ...alias, createdAt: Number(alias.createdAt) };
}
