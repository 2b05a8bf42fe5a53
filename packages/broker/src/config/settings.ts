/** Every setting of the daemon: name, environment variable, default, unit and one sentence. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MANAGING, type Managing } from '../kernel/managing.ts';
import { CALL_SETTINGS } from './call-settings.ts';
import {
  bytes,
  durations,
  failpoints,
  integer,
  networks,
  oneOf,
  someOf,
  modelName,
  text,
  toggle,
  upstreamUrls,
  url,
} from './setting-kinds.ts';
import { row, type SettingRow } from './setting-row.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

export const SETTINGS = {
  host: row({ env: 'FILA_HOST', fallback: '127.0.0.1', kind: text, about: 'Address the API listens on.' }),
  port: row({
    env: 'FILA_PORT',
    fallback: 7433,
    kind: integer(0, 65535),
    about: 'Port of the API; 0 takes any free one.',
  }),
  dataDir: row({
    env: 'FILA_DATA_DIR',
    fallback: () => join(homedir(), '.local', 'share', 'fila'),
    kind: text,
    about: 'Folder of the embedded database, the master key file and the admin token. One daemon a folder.',
  }),
  databaseUrl: row<string | null>({
    env: 'FILA_DATABASE_URL',
    fallback: null,
    secret: true,
    kind: url('mysql:', 'mariadb:'),
    about: 'MySQL or MariaDB, mysql://user:password@host:port/database. Absent: SQLite in the data folder.',
  }),
  redisUrl: row<string | null>({
    env: 'FILA_REDIS_URL',
    fallback: null,
    secret: true,
    kind: url('redis:', 'rediss:'),
    about: 'Redis for the active lanes of several brokers. Absent: memory of this process.',
  }),
  ollamaUrls: row({
    env: 'FILA_OLLAMA_URLS',
    fallback: () => upstreamUrls.parse('http://127.0.0.1:11434')!,
    kind: upstreamUrls,
    about:
      'The Ollama servers, comma separated; url#slots=4 fixes how many calls of one model run at once (absent: what it turns out to carry, 1 to 16), &max_models=2 how many models stay loaded.',
  }),
  defaultModel: row({
    env: 'FILA_DEFAULT_MODEL',
    live: true,
    fallback: 'llama3:8b',
    kind: modelName,
    about: 'Model of a request that names none.',
  }),
  allowCloudModels: row({
    env: 'FILA_ALLOW_CLOUD_MODELS',
    fallback: false,
    kind: toggle,
    about: 'Whether models may run that Ollama forwards to somebody else: prompts would leave this house.',
  }),
  allowModelManagement: row({
    env: 'FILA_ALLOW_MODEL_MANAGEMENT',
    live: true,
    fallback: () => [] as readonly Managing[],
    kind: someOf(...MANAGING),
    about:
      'What keys with the scope models:write may do to the models of the servers at the doors, comma separated: pull, push, create, copy, delete. Empty: nothing.',
  }),
  masterKey: row<string | null>({
    env: 'FILA_MASTER_KEY',
    fallback: null,
    secret: true,
    kind: text,
    about:
      '32 bytes as base64 that protect the data keys. Absent: a 0600 file in the data folder, with SQLite only.',
  }),
  adminToken: row<string | null>({
    env: 'FILA_ADMIN_TOKEN',
    fallback: null,
    secret: true,
    kind: text,
    about: 'Bearer token of the admin routes, 32 characters or more. Absent: a 0600 file in the data folder.',
  }),
  sessionIdleMinutes: row({
    env: 'FILA_SESSION_IDLE_MINUTES',
    fallback: 30,
    unit: 'min',
    kind: integer(1, 1440),
    about: 'A session of a person ends when it was not used for so long.',
  }),
  sessionHours: row({
    env: 'FILA_SESSION_HOURS',
    fallback: 12,
    unit: 'h',
    kind: integer(1, 720),
    about: 'A session of a person ends after so long in any case.',
  }),
  superAdminSessionHours: row({
    env: 'FILA_SUPER_ADMIN_SESSION_HOURS',
    fallback: 4,
    unit: 'h',
    kind: integer(1, 720),
    about: 'The same for sessions of super-admins.',
  }),
  requireTotp: row({
    env: 'FILA_REQUIRE_TOTP',
    fallback: false,
    kind: toggle,
    about: 'Whether people may do nothing before they have switched a second factor on.',
  }),
  logLevel: row({
    env: 'FILA_LOG_LEVEL',
    live: true,
    fallback: 'info',
    kind: oneOf(...LOG_LEVELS),
    about: 'Least important lines that are logged.',
  }),
  logFiles: row({
    env: 'FILA_LOG_FILES',
    fallback: true,
    kind: toggle,
    about:
      'Whether lines of the log are kept in files as well: info 30 days, warnings 60, errors and worse 90.',
  }),
  logDir: row<string | null>({
    env: 'FILA_LOG_DIR',
    fallback: null,
    kind: text,
    about: 'Folder of the log files, one daemon a folder. Absent: logs in the data folder.',
  }),
  logMaxBytes: row({
    env: 'FILA_LOG_MAX_BYTES',
    fallback: 1_073_741_824,
    unit: 'bytes',
    kind: bytes(1_048_576, 1_099_511_627_776),
    about: 'Most that all log files take; the oldest of the least important are deleted before their time.',
  }),
  eventsKept: row({
    env: 'FILA_EVENTS_KEPT',
    fallback: 5_000,
    kind: integer(100, 1_000_000),
    about:
      'Events that are kept in memory for watchers that are slow or come back; only while somebody watches.',
  }),
  trustedProxies: row({
    env: 'FILA_TRUSTED_PROXIES',
    fallback: () => [],
    kind: networks,
    about: 'Networks of proxies whose X-Forwarded-For is believed, comma separated, such as 10.0.0.0/8.',
  }),
  addressLimitMinute: row({
    env: 'FILA_ADDRESS_LIMIT_MINUTE',
    live: true,
    fallback: 0,
    kind: integer(0, 1_000_000_000),
    about: 'Calls with a key or token that one address may make in any 60 seconds; 0 = no limit.',
  }),
  wrongKeysMinute: row({
    env: 'FILA_WRONG_KEYS_MINUTE',
    live: true,
    fallback: 60,
    kind: integer(0, 1_000_000),
    about: 'Calls a minute with a wrong key or token before an address is blocked; 0 = never.',
  }),
  refusedCallsMinute: row({
    env: 'FILA_REFUSED_CALLS_MINUTE',
    live: true,
    fallback: 300,
    kind: integer(0, 1_000_000),
    about: 'Calls a minute that a limit refused before their key is blocked; 0 = never.',
  }),
  writeLimitMinute: row({
    env: 'FILA_WRITE_LIMIT_MINUTE',
    live: true,
    fallback: 0,
    kind: integer(0, 1_000_000_000),
    about: 'Calls of one key that change something, requests included, in any 60 seconds; 0 = no limit.',
  }),
  readLimitMinute: row({
    env: 'FILA_READ_LIMIT_MINUTE',
    live: true,
    fallback: 0,
    kind: integer(0, 1_000_000_000),
    about: 'Calls of one key that only read, in any 60 seconds; 0 = no limit.',
  }),
  adminLimitMinute: row({
    env: 'FILA_ADMIN_LIMIT_MINUTE',
    live: true,
    fallback: 0,
    kind: integer(0, 1_000_000_000),
    about: 'Calls of operators from one address in any 60 seconds; 0 = no limit.',
  }),
  maxQueued: row({
    env: 'FILA_MAX_QUEUED',
    live: true,
    fallback: 0,
    kind: integer(0, 1_000_000_000),
    about: 'Requests of all keys that have not ended; more are refused with queue_full. 0 = no limit.',
  }),
  targetWaitMs: row({
    env: 'FILA_TARGET_WAIT_MS',
    live: true,
    fallback: 0,
    unit: 'ms',
    kind: integer(0, 86_400_000),
    about: 'When the oldest pending request waits longer, fewer are accepted until it does not; 0 = off.',
  }),
  webhookAllowCidrs: row({
    env: 'FILA_WEBHOOK_ALLOW_CIDRS',
    fallback: () => [],
    kind: networks,
    about: 'Private networks that webhooks may reach all the same, comma separated, such as 10.1.0.0/16.',
  }),
  webhookTimeoutMs: row({
    env: 'FILA_WEBHOOK_TIMEOUT_MS',
    fallback: 15_000,
    unit: 'ms',
    kind: integer(100, 60_000),
    about: 'How long a receiver of a webhook may take to answer.',
  }),
  webhookRetryDelays: row<readonly number[] | null>({
    env: 'FILA_WEBHOOK_RETRY_DELAYS',
    live: true,
    fallback: null,
    kind: durations,
    about:
      'Waits between the attempts of a webhook, such as 5s, 5m, 2h. Absent: what Standard Webhooks recommends, 75 h in all.',
  }),
  webhookLogDays: row({
    env: 'FILA_WEBHOOK_LOG_DAYS',
    fallback: 30,
    unit: 'days',
    kind: integer(1, 3650),
    about: 'How long webhook deliveries that have ended stay in the log, and can be made again.',
  }),
  operationLogDays: row({
    env: 'FILA_OPERATION_LOG_DAYS',
    live: true,
    fallback: 30,
    unit: 'days',
    kind: integer(1, 3650),
    about: 'How long operations that have ended stay on the list.',
  }),
  keyExpiryNoticeDays: row({
    env: 'FILA_KEY_EXPIRY_NOTICE_DAYS',
    fallback: 14,
    unit: 'days',
    kind: integer(0, 365),
    about:
      'How long before a key expires that is told, once: a warning in the log and an event. 0 = not at all.',
  }),
  auditDays: row({
    env: 'FILA_AUDIT_DAYS',
    fallback: 0,
    unit: 'days',
    kind: integer(0, 36_500),
    about:
      'How long rows of the audit trail are kept; what is older leaves a signed checkpoint. 0: for good.',
  }),
  ...CALL_SETTINGS,
  stopGraceMs: row({
    env: 'FILA_STOP_GRACE_MS',
    live: true,
    fallback: 25_000,
    unit: 'ms',
    kind: integer(0, 600_000),
    about: 'Time running calls get to end when the daemon stops; the rest is handed back.',
  }),
  failpoints: row({
    env: 'FILA_FAILPOINTS',
    fallback: '',
    kind: failpoints,
    about:
      'For tests of Fila itself: where the daemon crashes, fails or waits, as `point:action@hit;…`. Empty: nowhere.',
  }),
} as const;

type SettingTable = typeof SETTINGS;
export type SettingName = keyof SettingTable;
export type Settings = {
  readonly [Name in SettingName]: SettingTable[Name] extends SettingRow<infer T> ? T : never;
};
