/** The peer's two tables, through the ORM its team would take. */
import { DataTypes, Sequelize } from 'sequelize';

export async function openDatabase(url) {
  const database = new Sequelize(url, { logging: false, pool: { max: 32 } });
  const ApiKey = database.define(
    'api_key',
    {
      id: { type: DataTypes.UUID, primaryKey: true },
      hash: { type: DataTypes.CHAR(64), allowNull: false, unique: true },
      webhookSecret: { type: DataTypes.STRING(64), allowNull: false },
      isActive: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: true },
    },
    { underscored: true },
  );
  const Request = database.define(
    'request',
    {
      id: { type: DataTypes.UUID, primaryKey: true },
      keyId: { type: DataTypes.UUID, allowNull: false },
      status: { type: DataTypes.STRING(16), allowNull: false },
      model: { type: DataTypes.STRING(128), allowNull: false },
      prompt: { type: DataTypes.TEXT('medium'), allowNull: false },
      callbackUrl: { type: DataTypes.STRING(2048) },
      result: { type: DataTypes.TEXT('medium') },
      completedAt: { type: DataTypes.DATE(3) },
    },
    { underscored: true, indexes: [{ fields: ['key_id', 'created_at'] }, { fields: ['status'] }] },
  );
  await database.sync();
  return { database, ApiKey, Request };
}
