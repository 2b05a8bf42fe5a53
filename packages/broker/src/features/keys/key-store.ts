/** Keeps API keys in the database. */
import { col, DataTypes, Op, type Sequelize } from 'sequelize';
import { rowsOf } from '../../engines/database/database.ts';
import { marksFor } from '../../engines/ledger/ledger.ts';
import type { OwnLimits } from '../../kernel/key-limits.ts';
import type { StoredRights } from '../../kernel/key-rights.ts';

export type KeyStatus = 'active' | 'suspended' | 'revoked';

/** Times are milliseconds since 1970. */
export interface StoredKey extends OwnLimits, StoredRights {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly secretHash: Buffer;
  /** The secret before the last rotation, and until when it is accepted as well. */
  readonly previousHash: Buffer | null;
  readonly previousUntil: number | null;
  /** The secret is accepted from then on; null = already. */
  readonly secretFrom: number | null;
  readonly pepperVersion: number;
  readonly webhookSecret: Buffer;
  readonly status: KeyStatus;
  readonly plan: string | null;
  /** Bits for what a key may do beyond the usual; none is given a meaning yet. */
  readonly flags: number;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
  /** The `expiresAt` that was told of before it came. */
  readonly noticedExpiry: number | null;
  readonly lastUsedAt: number | null;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

export type KeyChange = Partial<
  Pick<
    StoredKey,
    | 'name'
    | 'status'
    | 'plan'
    | 'notBefore'
    | 'expiresAt'
    | 'revokedAt'
    | keyof OwnLimits
    | keyof StoredRights
  >
>;

export type NewSecret = Pick<
  StoredKey,
  'secretHash' | 'secretFrom' | 'prefix' | 'pepperVersion' | 'previousHash' | 'previousUntil'
>;

export interface KeyStore {
  insert(key: StoredKey): Promise<void>;
  /** By the hash of its secret, or of the one before while that is accepted as well. */
  byHash(hash: Buffer, nowMs: number): Promise<StoredKey | null>;
  byId(id: string): Promise<StoredKey | null>;
  /** Those that there are, in any order. */
  byIds(ids: readonly string[]): Promise<StoredKey[]>;
  /** Changes a key that still has one of these states; false when there is none. */
  change(id: string, change: KeyChange, from: readonly KeyStatus[]): Promise<boolean>;
  /** Changes the secret of a key that still has this one; false when there is none. */
  rotate(id: string, from: Buffer, to: NewSecret): Promise<boolean>;
  list(filter: { limit: number; before?: string; status?: KeyStatus }): Promise<StoredKey[]>;
  /** Those that set it themselves, or have a plan. */
  maybeLimitedInQueue(): Promise<StoredKey[]>;
  countWithPlan(plan: string): Promise<number>;
  /** Active ones that expire within these times and of which that was not told yet, the first first. */
  expiring(from: number, until: number, limit: number): Promise<StoredKey[]>;
  /** Whether it is for the caller to tell of it: true once for each time that a key expires at. */
  noticeExpiry(id: string, expiresAt: number): Promise<boolean>;
  /** Many at once; never turns a time back. */
  noteUse(lastUsed: ReadonlyMap<string, number>): Promise<void>;
}

const time = { type: DataTypes.BIGINT, allowNull: true };
const own = { type: DataTypes.INTEGER, allowNull: true };
const list = { type: DataTypes.TEXT, allowNull: true };
const count = { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 };

export function keyStore(sequelize: Sequelize): KeyStore {
  const model = sequelize.define(
    'api_key',
    {
      id: { type: DataTypes.STRING(30), primaryKey: true },
      name: { type: DataTypes.STRING(100), allowNull: false },
      prefix: { type: DataTypes.STRING(24), allowNull: false },
      secretHash: { type: DataTypes.BLOB, allowNull: false, field: 'secret_hash' },
      previousHash: { type: DataTypes.BLOB, allowNull: true, field: 'previous_hash' },
      previousUntil: { ...time, field: 'previous_until' },
      secretFrom: { ...time, field: 'secret_from' },
      pepperVersion: { ...count, field: 'pepper_version' },
      webhookSecret: { type: DataTypes.BLOB, allowNull: false, field: 'webhook_secret' },
      status: { type: DataTypes.STRING(10), allowNull: false },
      limitMinute: { ...count, field: 'limit_minute' },
      limitHour: { ...count, field: 'limit_hour' },
      limitDay: { ...count, field: 'limit_day' },
      plan: { type: DataTypes.STRING(40), allowNull: true },
      limitBurst: { ...own, field: 'limit_burst' },
      limitTokensDay: { ...own, field: 'limit_tokens_day' },
      maxQueued: { ...own, field: 'max_queued' },
      maxConcurrent: { ...own, field: 'max_concurrent' },
      weight: own,
      flags: count,
      scopes: list,
      allowedModels: { ...list, field: 'allowed_models' },
      allowedQueues: { ...list, field: 'allowed_queues' },
      allowedIps: { ...list, field: 'allowed_ips' },
      notBefore: { ...time, field: 'not_before' },
      expiresAt: { ...time, field: 'expires_at' },
      noticedExpiry: { ...time, field: 'noticed_expiry' },
      lastUsedAt: { ...time, field: 'last_used_at' },
      createdAt: { ...time, field: 'created_at' },
      revokedAt: { ...time, field: 'revoked_at' },
    },
    { tableName: 'api_keys', timestamps: false },
  );

  const rows = rowsOf(model);

  return {
    insert: async (key) => {
      await model.create({ ...asRow(key) });
    },
    byHash: async (hash, nowMs) => {
      const values = [hash, nowMs];
      const [newest] = await rows(
        'WHERE secret_hash = ? AND (secret_from IS NULL OR secret_from <= ?) LIMIT 1',
        values,
      );
      if (newest) return asKey(newest);
      const [previous] = await rows('WHERE previous_hash = ? AND previous_until > ? LIMIT 1', values);
      return asKey(previous);
    },
    byId: async (id) => asKey(await model.findOne({ raw: true, where: { id } })),
    byIds: async (ids) =>
      ids.length === 0 ? [] : (await rows(`WHERE id IN ${marksFor(ids)}`, ids)).map((row) => asKey(row)!),
    change: async (id, what, from) => {
      const change = asRow(what);
      const where = { id, status: [...from] };
      const [changed] = await model.update(change, { where });
      // MySQL does not count a row in which everything was so before.
      return changed === 1 || (await model.count({ where: { [Op.and]: [where, change] } })) === 1;
    },
    rotate: async (id, from, to) => {
      const where = { id, secretHash: from, status: ['active', 'suspended'] };
      return (await model.update(to, { where }))[0] === 1;
    },
    list: async ({ limit, before, status }) => {
      const where = { ...(before ? { id: { [Op.lt]: before } } : {}), ...(status ? { status } : {}) };
      return (await model.findAll({ raw: true, where, order: [['id', 'DESC']], limit })).map((row) =>
        asKey(row)!,
      );
    },
    maybeLimitedInQueue: async () => {
      return (await rows('WHERE max_queued > 0 OR plan IS NOT NULL')).map((row) => asKey(row)!);
    },
    countWithPlan: (plan) => model.count({ where: { plan, status: { [Op.ne]: 'revoked' } } }),
    expiring: async (from, until, limit) => {
      const untold = { [Op.or]: [{ [Op.is]: null }, { [Op.ne]: col('expires_at') }] };
      const expiresAt = { [Op.gt]: from, [Op.lte]: until };
      const where = { status: 'active', expiresAt, noticedExpiry: untold };
      return (await model.findAll({ raw: true, where, order: [['expires_at', 'ASC']], limit })).map((row) =>
        asKey(row)!,
      );
    },
    noticeExpiry: async (id, expiresAt) => {
      const untold = { [Op.or]: [{ [Op.is]: null }, { [Op.ne]: expiresAt }] };
      const where = { id, expiresAt, status: 'active', noticedExpiry: untold };
      return (await model.update({ noticedExpiry: expiresAt }, { where }))[0] === 1;
    },
    noteUse: async (lastUsed) => {
      const byTime = Map.groupBy(lastUsed, ([, at]) => at);
      for (const [at, keys] of byTime) {
        const older = { [Op.or]: [{ [Op.lt]: at }, { [Op.is]: null }] };
        await model.update({ lastUsedAt: at }, { where: { id: keys.map(([id]) => id), lastUsedAt: older } });
      }
    },
  };
}

/** Columns that may not be null and were there before plans: 0 is "as the plan says", and this is "no limit". */
const NONE = 4_294_967_295;
const OLDER = ['limitMinute', 'limitHour', 'limitDay'] as const;
const LISTS = ['scopes', 'allowedModels', 'allowedQueues', 'allowedIps'] as const;

function asRow<T extends KeyChange>(key: T): T {
  const row: Record<string, unknown> = { ...key };
  for (const name of OLDER)
    if (name in key) row[name] = key[name] === null ? 0 : key[name] === 0 ? NONE : key[name];
  for (const name of LISTS) if (key[name]) row[name] = JSON.stringify(key[name]);
  return row as unknown as T;
}

function ownLimit(stored: number | null): number | null {
  return stored === 0 ? null : stored === NONE ? 0 : stored;
}

/** MySQL's driver may hand BIGINT over as text. */
function asKey(row: unknown): StoredKey | null {
  if (!row) return null;
  const key = row as StoredKey;
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  const listed = (value: unknown) => (value === null ? null : (JSON.parse(String(value)) as string[]));
  return {
    ...key,
    limitMinute: ownLimit(key.limitMinute),
    limitHour: ownLimit(key.limitHour),
    limitDay: ownLimit(key.limitDay),
    scopes: listed(key.scopes),
    allowedModels: listed(key.allowedModels),
    allowedQueues: listed(key.allowedQueues),
    allowedIps: listed(key.allowedIps),
    previousUntil: number(key.previousUntil),
    secretFrom: number(key.secretFrom),
    notBefore: number(key.notBefore),
    expiresAt: number(key.expiresAt),
    noticedExpiry: number(key.noticedExpiry),
    lastUsedAt: number(key.lastUsedAt),
    createdAt: Number(key.createdAt),
    revokedAt: number(key.revokedAt),
  };
}
