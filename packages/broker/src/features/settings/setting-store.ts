/** Keeps the versions of what overrides the settings; the last one is in force. */
import { DataTypes, Op, UniqueConstraintError, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';

/** By name, as text. */
export type Overrides = Readonly<Record<string, string>>;

/** Null: as the start says. */
export interface StoredChange {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface StoredVersion {
  /** 1, 2, 3 and so on. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly act: 'set' | 'unset' | 'restore';
  /** The version that was brought back. */
  readonly restored: number | null;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorName: string | null;
  /** Sealed. */
  readonly reason: Buffer | null;
  readonly changes: readonly StoredChange[];
  /** All that is overridden from this version on. */
  readonly overrides: Overrides;
}

export interface SettingStore {
  /** Version 0 is the start, without any. */
  inForce(): Promise<Pick<StoredVersion, 'version' | 'overrides'>>;
  get(version: number): Promise<StoredVersion | null>;
  /** Newest first. */
  list(page: { readonly limit: number; readonly before: number }): Promise<StoredVersion[]>;
  /** False when there is one of this number. */
  insert(version: StoredVersion): Promise<boolean>;
}

export function settingStore(sequelize: Sequelize): SettingStore {
  const whole = (field?: string) => ({ type: DataTypes.BIGINT, allowNull: true, field });
  const text = (length: number, field?: string) => ({
    type: DataTypes.STRING(length),
    allowNull: true,
    field,
  });
  const model = sequelize.define(
    'setting_version',
    {
      version: { type: DataTypes.INTEGER, primaryKey: true },
      at: whole(),
      act: text(10),
      restored: whole(),
      actorKind: text(20, 'actor_kind'),
      actorId: text(100, 'actor_id'),
      actorName: text(100, 'actor_name'),
      reason: { type: DataTypes.BLOB, allowNull: true },
      changes: { type: DataTypes.TEXT('medium'), allowNull: false },
      overrides: { type: DataTypes.TEXT('medium'), allowNull: false },
    },
    { tableName: 'setting_versions', timestamps: false },
  );

  const rows = rowsOf<Pick<Columns, 'version' | 'overrides'>>(model, ['version', 'overrides']);

  return {
    inForce: async () => {
      const [row] = await rows('ORDER BY version DESC LIMIT 1');
      const { version, overrides } = row ?? { version: 0, overrides: '{}' };
      return { version, overrides: JSON.parse(overrides) as Overrides };
    },
    get: async (version) => {
      const row = await model.findByPk(version, { raw: true });
      return row === null ? null : asVersion(row);
    },
    list: async ({ limit, before }) => {
      const where = { version: { [Op.lt]: before } };
      return (await model.findAll({ raw: true, where, order: [['version', 'DESC']], limit })).map(asVersion);
    },
    insert: async ({ changes, overrides, ...rest }) => {
      try {
        await model.create({
          ...{ ...rest, changes: JSON.stringify(changes), overrides: JSON.stringify(overrides) },
        });
        return true;
      } catch (error) {
        if (error instanceof UniqueConstraintError) return false;
        throw error;
      }
    },
  };
}

type Columns = Omit<StoredVersion, 'changes' | 'overrides'> & {
  readonly changes: string;
  readonly overrides: string;
};

/** MySQL's driver may hand BIGINT over as text. */
function asVersion(row: unknown): StoredVersion {
  const { at, restored, changes, overrides, ...rest } = row as Columns;
  return {
    ...{ ...rest, at: Number(at), restored: restored === null ? null : Number(restored) },
    changes: JSON.parse(changes) as StoredChange[],
    overrides: JSON.parse(overrides) as Overrides,
  };
}
