/** Keeps the lines of the log that are worth searching. */
import { col, DataTypes, fn, Op, where as condition, type Sequelize, type WhereOptions } from 'sequelize';

/** Times are milliseconds since 1970. */
export interface StoredLine {
  readonly id: number;
  readonly at: number;
  /** 1 is warning, 4 emergency. */
  readonly level: number;
  readonly message: string;
  readonly requestId: string | null;
  readonly keyId: string | null;
  readonly run: string;
  /** The rest of its fields, as JSON. */
  readonly line: string;
}

export type NewLine = Omit<StoredLine, 'id'>;

export interface LineFilter {
  readonly limit: number;
  readonly order?: 'newest' | 'oldest';
  /** Lines on the other side of this one. */
  readonly cursor?: number;
  readonly since?: number;
  readonly until?: number;
  /** This one and worse. */
  readonly level?: number;
  readonly text?: string;
  readonly requestId?: string;
  readonly keyId?: string;
}

export interface LogStore {
  /** All or none. */
  add(lines: readonly NewLine[]): Promise<void>;
  list(filter: LineFilter): Promise<StoredLine[]>;
  /** Deletes a batch of lines of these levels that are older; how many. */
  forget(levels: readonly number[], beforeMs: number): Promise<number>;
}

const FORGET_BATCH = 500;

export function logStore(sequelize: Sequelize): LogStore {
  const model = sequelize.define(
    'log_line',
    {
      id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
      at: { type: DataTypes.BIGINT, allowNull: false },
      level: { type: DataTypes.INTEGER, allowNull: false },
      message: { type: DataTypes.STRING(500), allowNull: false },
      requestId: { type: DataTypes.STRING(64), allowNull: true, field: 'request_id' },
      keyId: { type: DataTypes.STRING(64), allowNull: true, field: 'key_id' },
      run: { type: DataTypes.STRING(40), allowNull: false },
      line: { type: DataTypes.TEXT, allowNull: false },
    },
    { tableName: 'log_lines', timestamps: false },
  );

  return {
    add: async (lines) => {
      await model.bulkCreate(lines.map((line) => ({ ...line })));
    },
    list: async ({ limit, ...filter }) => {
      const direction = filter.order === 'oldest' ? 'ASC' : 'DESC';
      const order: [string, string][] = [['id', direction]];
      const rows = await model.findAll({ raw: true, where: whereOf(filter), order, limit });
      return rows.map(asLine);
    },
    forget: async (levels, beforeMs) => {
      const where = { level: [...levels], at: { [Op.lt]: beforeMs } };
      const old = await model.findAll({ raw: true, attributes: ['id'], where, limit: FORGET_BATCH });
      const ids = (old as unknown as { id: number }[]).map(({ id }) => id);
      return ids.length === 0 ? 0 : model.destroy({ where: { id: ids } });
    },
  };
}

function whereOf(filter: Omit<LineFilter, 'limit'>): WhereOptions {
  const { order, cursor, since, until, level, text, requestId, keyId } = filter;
  const all: WhereOptions[] = [];
  if (cursor !== undefined) all.push({ id: order === 'oldest' ? { [Op.gt]: cursor } : { [Op.lt]: cursor } });
  if (since !== undefined) all.push({ at: { [Op.gte]: since } });
  if (until !== undefined) all.push({ at: { [Op.lt]: until } });
  if (level !== undefined) all.push({ level: { [Op.gte]: level } });
  if (requestId !== undefined) all.push({ requestId });
  if (keyId !== undefined) all.push({ keyId });
  if (text !== undefined) all.push({ [Op.or]: ['message', 'line'].map((column) => holds(column, text)) });
  return { [Op.and]: all };
}

/** Not LIKE, in which % and _ of a search would mean something else. */
function holds(column: string, text: string) {
  return condition(fn('instr', fn('lower', col(column)), text.toLowerCase()), { [Op.gt]: 0 });
}

/** MySQL's driver may hand BIGINT over as text. */
function asLine(row: unknown): StoredLine {
  const line = row as StoredLine;
  return { ...line, id: Number(line.id), at: Number(line.at), level: Number(line.level) };
}
